"""Which coordinates does a toolkit user get? The model's, and ETKDGv3's for molecules and conformers it cannot make."""

from __future__ import annotations

from rdkit import Chem

from rdkit_ebd import EBD, EmbedReport, EmbedWithReport


def toolkit_parameters() -> EBD:
    """What a user of the toolkit expects: the same conformers each time, and an answer for every element."""
    return EBD(randomSeed=1, fallback="ETKDGv3")


def embed_for_toolkit(mol: Chem.Mol, count: int, cutoff: float, params: EBD) -> tuple[Chem.Mol, EmbedReport]:
    """Embed a copy of a molecule as the toolkit asks for it.

    What cannot be embedded at all is tried once more from random coordinates, as RDKit's own wrapper does.

    Args:
        mol: The molecule as the toolkit converts it; not changed, atoms keep their order.
        count: Most conformers wanted.
        cutoff: Conformers nearer than this to a kept one are dropped, angstrom.
        params: `pruneRmsThresh` and `clearConfs` are overruled.

    Returns:
        A copy with the new conformers alone, and what happened.
    """
    settings = params.copy()
    settings.pruneRmsThresh, settings.clearConfs = cutoff, True
    embedded = with_rdkit_aromaticity(mol)
    report = EmbedWithReport(embedded, count, settings)
    if count and not report.ids and not settings.useRandomCoords:
        settings.useRandomCoords = True
        report = EmbedWithReport(embedded, count, settings)
    return embedded, report


def with_rdkit_aromaticity(mol: Chem.Mol) -> Chem.Mol:
    """A copy without conformers, aromatic where RDKit says so.

    The toolkit's molecules follow the MDL model, in which furan and imidazole are not aromatic; the network and its
    fragments were trained on RDKit's.
    """
    copy = Chem.Mol(mol, True)
    Chem.Kekulize(copy, clearAromaticFlags=True)
    Chem.SanitizeMol(copy)
    return copy
