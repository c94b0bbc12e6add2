"""How is it called? RDKit's words at the border: EmbedMolecule, EmbedMultipleConfs, and what they give back."""

from __future__ import annotations

import math
import operator
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd.chem.core_match import CoreMatch, MatchCore
from rdkit_ebd.embedding.component_task import Callback
from rdkit_ebd.embedding.effort import MOST_CONFORMERS
from rdkit_ebd.embedding.pipeline import embed
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport

Parameters = EBD | rdDistGeom.EmbedParameters


def EmbedMoleculeEBD(
    mol: Chem.Mol,
    numConfs: int = 10,
    params: Parameters | None = None,
    *,
    callback: Callback | None = None,
    core: Chem.Mol | CoreMatch | None = None,
    **keywords: Any,
) -> list[int]:
    """Embed conformers with Equivariant Blurring Diffusion and write them into `mol`.

    Mirrors `rdDistGeom.EmbedMultipleConfs`, keyword for keyword. The stereochemistry of what is written is the
    stereochemistry of `mol`, always. With a `randomSeed`, asking for more conformers does not change the first of them.

    Args:
        mol: Changed in place: its conformers alone. Hydrogens should be explicit (`Chem.AddHs`); if they are not,
            RDKit's warning is given and the heavy atoms get coordinates.
        numConfs: Conformers wanted.
        params: `EBD()` or one of RDKit's own, such as `ETKDGv3()`.
        callback: Called as `callback(index, path)` for each conformer deblurred; `path` is a molecule whose
            conformers are the states of the deblurring, from the blurred one to the finished one.
        core: A molecule with a conformer, whose heavy atoms are held where they are (a scaffold in its pose), or what
            `MatchCore` found of one. In place of `coordMap`; the report has its RMSD.
        **keywords: Any field of `EBD` and any keyword of `EmbedMultipleConfs`, instead of `params`.

    Returns:
        Ids of the conformers, fewer than `numConfs` where some were pruned or could not be made.

    Raises:
        TypeError: `mol` is not a molecule, a keyword is unknown, or `params` comes together with keywords.
        ValueError: A value is out of range, more than 100,000 conformers are asked for, `mol` has no atoms, or the
            model does not know one of its elements.
        OverflowError: `numConfs` is negative, as in RDKit.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> len(EmbedMoleculeEBD(mol, 5, randomSeed=42))
        5
    """
    return EmbedWithReport(mol, numConfs, params, callback=callback, core=core, **keywords).ids


EmbedMultipleConfs = EmbedMoleculeEBD  # under RDKit's name, for scripts in which one import changes


def EmbedMolecule(
    mol: Chem.Mol,
    params: Parameters | None = None,
    *,
    numConfs: int | None = None,
    callback: Callback | None = None,
    core: Chem.Mol | CoreMatch | None = None,
    **keywords: Any,
) -> int | list[int]:
    """Embed one conformer, answered the RDKit way, or several.

    Args:
        mol: As in `EmbedMoleculeEBD`.
        params: As there.
        numConfs: None for one conformer.
        callback: As there.
        core: As there.
        **keywords: As there.

    Returns:
        Without `numConfs` the conformer's id, -1 if it could not be made; with it a list of ids.

    Raises:
        The errors of `EmbedMoleculeEBD`.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> EmbedMolecule(mol, randomSeed=42)
        0
        >>> EmbedMolecule(mol, numConfs=3, randomSeed=42)
        [0, 1, 2]
    """
    wanted = 1 if numConfs is None else numConfs
    ids = EmbedWithReport(mol, wanted, params, callback=callback, core=core, **keywords).ids
    if numConfs is not None:
        return ids
    return ids[0] if ids else -1


def EmbedWithReport(
    mol: Chem.Mol,
    numConfs: int = 10,
    params: Parameters | None = None,
    *,
    callback: Callback | None = None,
    core: Chem.Mol | CoreMatch | None = None,
    **keywords: Any,
) -> EmbedReport:
    """`EmbedMoleculeEBD` with a report: failures and their causes, stereo yield, seconds by stage.

    Args:
        mol: As in `EmbedMoleculeEBD`.
        numConfs: As there.
        params: As there; with `trackFailures` it also keeps the counts, as RDKit's parameters do.
        callback: As there.
        core: As there.
        **keywords: As there.

    Returns:
        The report; its `ids` are the conformers written.

    Raises:
        The errors of `EmbedMoleculeEBD`.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> report = EmbedWithReport(mol, 5, EBD(randomSeed=42))
        >>> report.ok, report.ids
        (True, [0, 1, 2, 3, 4])
        >>> report.summary()
        '5 of 5 conformers in ... s...'
    """
    settings = settings_of(params, keywords)
    check_molecule(mol)
    match = matched(mol, core, settings)
    settings.validate(mol.GetNumAtoms())
    report = embed(mol, check_count(numConfs), settings, callback)
    if match is not None and report.ids:
        report.messages.append(match.result([mol.GetConformer(confid).GetPositions() for confid in report.ids]))
    if isinstance(params, EBD):
        params.record_failures(report.GetFailureCounts())
    return report


def matched(mol: Chem.Mol, core: Chem.Mol | CoreMatch | None, settings: EBD) -> CoreMatch | None:
    """The core's atoms in a molecule, held by the settings from now on.

    Raises:
        ValueError: The core is not in the molecule, or other atoms are to be held as well.
    """
    if core is None:
        return None
    if settings.coordMap:
        raise ValueError("give core or coordMap, not both")
    match = core if isinstance(core, CoreMatch) else MatchCore(mol, core)
    settings.coordMap = match.coordMap
    return match


def settings_of(params: Parameters | None, keywords: dict[str, Any]) -> EBD:
    """Our parameters, from ours, RDKit's or keywords; the caller's object is not shared.

    Raises:
        TypeError: A keyword is unknown, or there are params and keywords.
    """
    if params is None:
        return EBD.from_keywords(**keywords)
    if keywords:
        raise TypeError(f"give params or keywords, not both: {', '.join(keywords)}")
    return params.copy() if isinstance(params, EBD) else EBD.from_rdkit(params)


def check_molecule(mol: Any) -> None:
    """Raise a TypeError for what is no molecule, and a ValueError for what has no atoms or is not sanitised."""
    if not isinstance(mol, Chem.Mol):
        hint = " (a SMILES that could not be parsed?)" if is_missing(mol) else ""
        raise TypeError(f"mol must be a Chem.Mol, not {type(mol).__name__}{hint}")
    if mol.GetNumAtoms() == 0:
        raise ValueError("mol has no atoms")
    if mol.NeedsUpdatePropertyCache():
        raise ValueError("mol has not been sanitised (from SMARTS, say): call Chem.SanitizeMol")


def is_missing(mol: Any) -> bool:
    """Whether this stands for a molecule that is not there: None, or what pandas has in its place (NaN, NA, NaT)."""
    return mol is None or type(mol).__name__ in ("NAType", "NaTType") or (isinstance(mol, float) and math.isnan(mol))


def check_count(num_confs: Any) -> int:
    """The number of conformers as an int.

    Raises:
        TypeError: It is no integer.
        OverflowError: It is negative.
        ValueError: It is more than anybody makes of one molecule.
    """
    try:
        count = operator.index(num_confs)
    except TypeError:
        raise TypeError(f"numConfs must be an integer, not {num_confs!r}") from None
    if count < 0:
        raise OverflowError(f"numConfs must not be negative, not {count}")
    if count > MOST_CONFORMERS:
        raise ValueError(f"numConfs must be at most {MOST_CONFORMERS}, not {count}")
    return count
