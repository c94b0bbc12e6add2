"""What becomes of one hard molecule? Embedded, judged by RDKit's own perception, and compared with ETKDGv3."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom

import rdkit_ebd

SUITE = Path(__file__).with_name("hard_molecules.smi")
SEED = 42
GRACE = 5.0  # seconds that a call may take beyond its timeout: one step of the network on a large molecule
RDKIT_TIMEOUT = 10  # seconds for ETKDGv3, which is only asked whether it makes the molecule at all
REFUSAL = "cannot treat this molecule"
SILENT = {"N", "P", "As"}  # with three neighbours RDKit keeps their written tags, but perceives none from coordinates
TETRAHEDRAL = (Chem.ChiralType.CHI_TETRAHEDRAL_CW, Chem.ChiralType.CHI_TETRAHEDRAL_CCW)


@dataclass(frozen=True)
class Entry:
    """A molecule of the suite: SMILES (SMARTS behind "SMARTS:"), what it is, and what is expected of it.

    Attributes:
        expected: "made" (every conformer), "failed" (fewer, RDKit's way) or "rejected" (the model does not know it).
    """

    smiles: str
    name: str
    category: str
    expected: str


@dataclass
class Outcome:
    """What became of an entry.

    Attributes:
        name: Of the entry.
        category: Of the entry.
        expected: Of the entry.
        atoms: Hydrogens included where they were added.
        requested: Conformers asked for.
        made: Conformers written by the call, by the fallback where it was rejected.
        rejected: Whether the model rejected it by name of its atoms, so that the call was repeated with the fallback.
        causes: Why conformers are missing, and how many.
        rdkit_made: Conformers that ETKDGv3 makes of it.
        wrong: Conformers whose stereo, perceived again from the coordinates, is not what is written.
        damage: What of the user's was lost or changed.
        error: An exception that is not the documented rejection; "crash" where the process died.
        seconds: Of the slowest call.
        late: Whether a call took longer than its timeout allows.
    """

    name: str
    category: str
    expected: str
    atoms: int = 0
    requested: int = 0
    made: int = 0
    rejected: bool = False
    causes: dict[str, int] = field(default_factory=dict)
    rdkit_made: int = 0
    wrong: int = 0
    damage: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0
    late: bool = False

    @property
    def verdict(self) -> str:
        """In the words of `Entry.expected`."""
        if self.rejected:
            return "rejected"
        return "made" if self.made == self.requested else "failed"

    @property
    def right(self) -> bool:
        """Whether nothing happened that never may, and every missing conformer has its cause."""
        accounted = self.made + sum(self.causes.values()) == self.requested
        return accounted and not (self.wrong or self.damage or self.error or self.late)


def read_suite(path: Path = SUITE) -> list[Entry]:
    """The entries of a tab-separated file; lines with "#" are comments."""
    lines = path.read_text().splitlines()
    return [Entry(*line.split("\t")) for line in lines if line and not line.startswith("# ")]


def examine(entry: Entry, num_confs: int, timeout: int) -> Outcome:
    """Embed an entry, again with the fallback where the model rejects it, and judge what was written."""
    outcome = Outcome(entry.name, entry.category, entry.expected, requested=num_confs)
    try:
        mol, keywords = prepared(entry)
        outcome.atoms = mol.GetNumAtoms()
        outcome.rdkit_made = len(rdkit_conformers(mol, num_confs, RDKIT_TIMEOUT))
        settings = {"randomSeed": SEED, "timeout": timeout, **keywords}
        try:
            _call(mol, settings, outcome, timeout)
        except ValueError as error:
            if REFUSAL not in str(error):
                raise
            outcome.rejected = True
            _call(mol, {**settings, "fallback": "ETKDGv3"}, outcome, timeout)
    except Exception as error:  # whatever it is, it belongs in the table
        outcome.error = f"{type(error).__name__}: {error}"
    return outcome


def prepared(entry: Entry) -> tuple[Chem.Mol, dict[str, Any]]:
    """The molecule as a user would bring it, and the keywords that its category is about."""
    if entry.smiles.startswith("SMARTS:"):
        query = Chem.MolFromSmarts(entry.smiles.removeprefix("SMARTS:"))
        Chem.SanitizeMol(query)
        return query, {}
    mol = Chem.MolFromSmiles(entry.smiles)
    if entry.category == "no hydrogens written out":
        return mol, {}
    mol = Chem.AddHs(mol)
    if entry.category == "existing conformers and properties":
        rdkit_conformers(mol, 2, RDKIT_TIMEOUT, keep=True)
        mol.GetConformer(0).SetId(17)
        mol.SetProp("_Name", entry.name)
        mol.GetAtomWithIdx(0).SetIntProp("mine", 5)
        return mol, {"clearConfs": False}
    if entry.category == "held cores":
        return mol, {"coordMap": core(mol)}
    return mol, {}


def core(mol: Chem.Mol) -> dict[int, tuple[float, float, float]]:
    """Where an ETKDGv3 conformer has the atoms of one ring, moved out of its frame."""
    conformer = rdkit_conformers(mol, 1, RDKIT_TIMEOUT)[0]
    ring = min(mol.GetRingInfo().AtomRings(), key=len, default=range(4))
    shifted = conformer.GetPositions() + np.array([10.0, -3.0, 1.0])
    return {int(i): tuple(shifted[i].tolist()) for i in ring}


def rdkit_conformers(mol: Chem.Mol, num_confs: int, timeout: int, keep: bool = False) -> list[Chem.Conformer]:
    """What ETKDGv3 makes of a molecule, in a copy of it unless `keep` is set."""
    work = mol if keep else Chem.Mol(mol)
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.timeout = SEED, timeout
    try:
        ids = rdDistGeom.EmbedMultipleConfs(work, num_confs, parameters)
    except RuntimeError:  # RDKit's own answer to some queries and metals
        return []
    return [work.GetConformer(i) for i in ids if i >= 0]  # RDKit gives [-1] where the time was up


def wrong_stereo(mol: Chem.Mol, ids: Sequence[int]) -> list[int]:
    """Conformers from whose coordinates RDKit perceives other stereo than is written in the molecule."""
    return [confid for confid in ids if len(set(written_and_seen(mol, confid))) > 1]


def written_and_seen(mol: Chem.Mol, confid: int) -> tuple[str, str]:
    """SMILES of the molecule, and of what RDKit perceives from one conformer of it.

    The second is read from a V3000 block, or, where RDKit does not read its own, perceived on a copy without labels.
    What is not specified in the molecule is left out of both, and so is what RDKit never perceives.
    """
    seen = Chem.MolFromMolBlock(Chem.MolToV3KMolBlock(mol, confId=confid), removeHs=False)
    if seen is None or seen.GetNumAtoms() != mol.GetNumAtoms():
        seen = Chem.Mol(mol, False, confid)
        Chem.RemoveStereochemistry(seen)
        Chem.AssignStereochemistryFrom3D(seen)
    written = Chem.Mol(mol, True)
    for atom, other in zip(written.GetAtoms(), seen.GetAtoms(), strict=True):
        silent = atom.GetTotalDegree() == 3 and atom.GetSymbol() in SILENT
        if silent or atom.GetChiralTag() not in TETRAHEDRAL:
            for either in (atom, other):
                either.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    for bond in written.GetBonds():
        if bond.GetStereo() <= Chem.BondStereo.STEREOANY:
            twin = seen.GetBondBetweenAtoms(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
            for either in (bond, twin):
                either.SetStereo(Chem.BondStereo.STEREONONE)
    return _smiles(written), _smiles(seen)


def _smiles(mol: Chem.Mol) -> str:
    """Isomeric SMILES, and the axes of atropisomers, which SMILES lacks."""
    bare = Chem.RemoveHs(Chem.Mol(mol, True), sanitize=False)
    return f"{Chem.MolToSmiles(Chem.MolFromSmiles(Chem.MolToSmiles(bare)))} {_axes(bare)}"


def _axes(mol: Chem.Mol) -> list[tuple[int, str]]:
    names = {Chem.BondStereo.STEREOATROPCW, Chem.BondStereo.STEREOATROPCCW}
    return [(bond.GetIdx(), bond.GetStereo().name) for bond in mol.GetBonds() if bond.GetStereo() in names]


def _call(mol: Chem.Mol, settings: dict[str, Any], outcome: Outcome, timeout: int) -> None:
    before, old = belongings(mol), positions(mol)
    start = time.monotonic()
    try:
        report = rdkit_ebd.EmbedWithReport(mol, outcome.requested, **settings)
    finally:
        seconds = time.monotonic() - start
        outcome.seconds = round(max(outcome.seconds, seconds), 2)
        outcome.late |= seconds > timeout + GRACE
        outcome.damage += [what for what, value in belongings(mol).items() if value != before[what]]
    outcome.made = len(report.ids)
    outcome.causes = dict(Counter(cause for _, cause in report.failed))
    outcome.wrong = len(wrong_stereo(mol, report.ids))
    outcome.damage += written_badly(mol, report.ids, old, settings)


def belongings(mol: Chem.Mol) -> dict[str, Any]:
    """What a call must leave alone, by name, in a form that can be compared."""
    return {
        "atoms": [(a.GetAtomicNum(), a.GetChiralTag(), a.GetIsotope(), a.GetFormalCharge()) for a in mol.GetAtoms()],
        "bonds": [(b.GetBeginAtomIdx(), b.GetEndAtomIdx(), b.GetBondType(), b.GetStereo()) for b in mol.GetBonds()],
        "properties": _properties(mol),
        "atoms' properties": [_properties(atom) for atom in mol.GetAtoms()],
    }


def _properties(owner: Chem.Mol | Chem.Atom) -> dict[str, Any]:
    """Those that somebody set; RDKit computes others, and their list, when it likes."""
    return {name: owner.GetProp(name, autoConvert=True) for name in owner.GetPropNames(includePrivate=True)}


def positions(mol: Chem.Mol) -> dict[int, np.ndarray]:
    """(N, 3) angstrom of each conformer, by its id."""
    return {conformer.GetId(): conformer.GetPositions() for conformer in mol.GetConformers()}


def written_badly(mol: Chem.Mol, ids: Sequence[int], old: dict[int, np.ndarray], settings: dict[str, Any]) -> list[str]:
    """What is wrong with the conformers after a call that found the conformers `old` and gave `ids`."""
    now, kept = positions(mol), {} if settings.get("clearConfs", True) else old
    held = settings.get("coordMap", {}).items()
    checks = {
        "ids": sorted(now) != sorted([*kept, *ids]),
        "existing conformers": any(i not in now or not np.array_equal(now[i], x) for i, x in kept.items()),
        "not finite": any(not np.isfinite(now[i]).all() for i in ids),
        "held atoms moved": any(np.abs(now[i][atom] - xyz).max() > 1e-3 for i in ids for atom, xyz in held),
    }
    return [what for what, is_wrong in checks.items() if is_wrong]
