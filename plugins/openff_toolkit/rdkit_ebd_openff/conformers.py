"""Which coordinates does a toolkit user get? As many as asked for that the molecule has at the cutoff, by the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd import EBD, EmbedReport, EmbedWithReport, PruneConformers

MOST_BATCHES = 10  # of as many conformers as are wanted
WORTHWHILE = 0.1  # of a batch, which must be new for another one like it
LOOSE: dict[str, Any] = {"numRounds": 1, "seedPool": 1, "coarse": "dg"}  # for batches after those
_NEXT_SEED = 1_000_003  # from one batch to the next


def toolkit_parameters() -> EBD:
    """What a user of the toolkit expects: the same conformers each time, and an answer for every element."""
    return EBD(randomSeed=1, fallback="ETKDGv3")


def checked_parameters(params: Any) -> EBD:
    """Parameters of this package: a copy of ours, RDKit's converted, `toolkit_parameters()` for None.

    Raises:
        TypeError: They are anything else, such as a dictionary.
        ValueError: RDKit's ask for what cannot be done here.
    """
    if params is None:
        return toolkit_parameters()
    if isinstance(params, EBD):
        return params.copy()
    if isinstance(params, rdDistGeom.EmbedParameters):
        return EBD.from_rdkit(params)
    hint = f": EBD({', '.join(f'{k}={v!r}' for k, v in params.items())})" if isinstance(params, Mapping) else ""
    raise TypeError(f"params must be an EBD, RDKit's EmbedParameters or None, not {params!r}{hint}")


def embed_for_toolkit(mol: Chem.Mol, count: int, cutoff: float, params: EBD) -> tuple[Chem.Mol, EmbedReport]:
    """Embed a copy of a molecule as the toolkit asks for it.

    Further batches follow while fewer conformers than asked for are apart: first as the model is meant to be used, and
    once that finds little that is new, from seeds of plain distance geometry with a single round of deblurring, which
    leaves conformers further from the minima and so from each other. They end where that finds nothing new, or after
    `MOST_BATCHES`. What cannot be embedded at all is tried once more from random coordinates, as
    RDKit's own wrapper does.

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
    if report.ids:
        _fill(embedded, report, count, settings)
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


def _fill(mol: Chem.Mol, report: EmbedReport, count: int, settings: EBD) -> None:
    """Add batches to a molecule until it has `count` conformers that are apart, or gets no new ones."""
    further, made, loose = settings.copy(), count, False
    further.clearConfs = False
    for batch in range(1, MOST_BATCHES):
        before = mol.GetNumConformers()
        if before >= count:
            break
        if settings.randomSeed != -1:
            further.randomSeed = (settings.randomSeed + batch * _NEXT_SEED) % 2**31
        added = EmbedWithReport(mol, count, further)
        made += count
        kept = _apart(mol, further)
        for surplus in kept[count:]:
            mol.RemoveConformer(surplus)
        _merge(report, added, kept[:count])
        new = mol.GetNumConformers() - before
        if loose and not new:
            break
        if not loose and new < WORTHWHILE * count:
            loose = True
            _loosen(further)
    report.requested = count
    if len(report.ids) < count and report.pruned:
        report.messages.append(f"{made} conformers were made to find {len(report.ids)} of {count} that are apart")


def _loosen(settings: EBD) -> None:
    """Let conformers end further from the minima, and so from each other, where the user has not decided otherwise."""
    for name, value in LOOSE.items():
        if getattr(settings, name) is None:
            setattr(settings, name, value)


def _apart(mol: Chem.Mol, settings: EBD) -> list[int]:
    """Remove what lies within the cutoff of an earlier conformer; the ids of the others, in order."""
    return PruneConformers(
        mol,
        settings.pruneRmsThresh,
        onlyHeavyAtoms=settings.onlyHeavyAtomsForRMS,
        useSymmetry=settings.useSymmetryForPruning,
    )


def _merge(report: EmbedReport, added: EmbedReport, ids: list[int]) -> None:
    """Add the report of a batch; conformers that it dropped for being near others are counted as pruned."""
    report.merge(added)
    report.messages = list(dict.fromkeys(report.messages))
    report.pruned += len(report.ids) - len(ids)
    report.ids = ids
