"""Have conformers of random stereoisomers the stereochemistry that was asked for? Judged by signed volumes alone.

    python examples/benchmarks/chiral_audit.py [--isomers 2000] [--seed 7] [--timeout 20] [--workers 2] [--relax]

Molecules of `hard_molecules.smi` lose their stereochemistry and are given another one at random, at every centre and
double bond that can have one; many of these cannot exist. What is written is compared with the coordinates without
RDKit's perception and without that of this package: the sign of a volume for a centre, the side of a plane for a double
bond. Where no conformer was made it is said why, whether ETKDGv3 makes one, and with --relax whether GFN2-xTB keeps
that one's stereochemistry when it is relaxed. The exit code is 1 if a centre or a double bond is wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from hard_outcome import read_suite
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom

from rdkit_ebd import EBD, EmbedReport, RefineWithReport, StreamMolecules

MOST_ATOMS = 60  # heavy ones
LEAST_VOLUME = 0.1  # of three unit vectors; a flat centre shows neither hand, a tetrahedral one .77
CW, CCW = Chem.ChiralType.CHI_TETRAHEDRAL_CW, Chem.ChiralType.CHI_TETRAHEDRAL_CCW
CIS = (Chem.BondStereo.STEREOCIS, Chem.BondStereo.STEREOZ)
TRANS = (Chem.BondStereo.STEREOTRANS, Chem.BondStereo.STEREOE)
ETKDG_SECONDS = 10
_NO_ATOM = 2**32 - 1  # RDKit's number for an atom that is not there


@dataclass
class Audit:
    """What was found.

    Attributes:
        isomers: Embedded or tried.
        centres: Judged.
        double_bonds: Judged.
        wrong: SMILES with the atoms or bonds that are not as written.
        missing: SMILES of what has no conformer, and its cause.
    """

    isomers: int = 0
    centres: int = 0
    double_bonds: int = 0
    wrong: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def main() -> int:
    """Make isomers, embed and judge them, and print what was found."""
    options = _options()
    mols = list(random_isomers(options.isomers, options.seed))
    audit = audited(mols, options.timeout, options.workers)
    print(f"{audit.isomers} isomers, {audit.centres} centres, {audit.double_bonds} double bonds")
    print(f"{len(audit.wrong)} isomers are not as written", *audit.wrong, sep="\n  ")
    causes = ", ".join(f"{count} {cause}" for cause, count in Counter(audit.missing.values()).most_common())
    print(f"{len(audit.missing)} without a conformer: {causes or 'none'}")
    for smiles, cause in audit.missing.items():
        if (others := by_etkdg(smiles, options.relax)) is not None:
            print(f"  {cause}, ETKDGv3 makes it{others}: {smiles}", flush=True)
    return int(bool(audit.wrong))


def random_isomers(count: int, seed: int) -> Iterator[Chem.Mol]:
    """So many stereoisomers of the suite's molecules, hydrogens added, no two alike; fewer where there are no more."""
    chance, seen, barren = random.Random(seed), set[str](), 0
    with rdBase.BlockLogs():
        parents = [mol for entry in read_suite() if (mol := _parent(entry.smiles)) is not None]
        chance.shuffle(parents)
        while count and barren < 10 * len(parents):
            smiles = _assigned(parents[(len(seen) + barren) % len(parents)], chance)
            if smiles in seen or smiles is None:
                barren += 1
                continue
            seen.add(smiles)
            count -= 1
            yield Chem.AddHs(Chem.MolFromSmiles(smiles))


def audited(mols: Sequence[Chem.Mol], timeout: int, workers: int | None) -> Audit:
    """Embed one conformer of each isomer and judge it.

    Args:
        mols: With hydrogens.
        timeout: Seconds for each.
        workers: Processes; None: as many as there are cores.
    """
    audit = Audit()
    for mol, report in StreamMolecules(mols, 1, EBD(randomSeed=42, timeout=timeout), workers=workers):
        assert mol is not None
        audit.isomers += 1
        smiles = Chem.MolToSmiles(Chem.RemoveHs(mol))
        if not report.ids:
            audit.missing[smiles] = _cause(report)
            continue
        centres, bonds = judged(mol, mol.GetConformer(report.ids[0]).GetPositions())
        audit.centres += len(centres)
        audit.double_bonds += len(bonds)
        wrong = [f"atom {i}" for i, right in centres.items() if not right]
        wrong += [f"bond {i}" for i, right in bonds.items() if not right]
        if wrong:
            audit.wrong.append(f"{', '.join(wrong)}: {smiles}")
    return audit


def judged(mol: Chem.Mol, coords: np.ndarray) -> tuple[dict[int, bool], dict[int, bool]]:
    """Whether each written centre and double bond is in the coordinates (N, 3) what it is in the molecule."""
    centres = {
        atom.GetIdx(): _volume(atom, coords) * (1 if atom.GetChiralTag() == CCW else -1) > LEAST_VOLUME
        for atom in mol.GetAtoms()
        if atom.GetChiralTag() in (CW, CCW)
    }
    bonds = {
        bond.GetIdx(): _same_side(bond, coords) == (bond.GetStereo() in CIS)
        for bond in mol.GetBonds()
        if bond.GetStereo() in (*CIS, *TRANS)
    }
    return centres, bonds


def by_etkdg(smiles: str, relax: bool) -> str | None:
    """None where ETKDGv3 does not make an isomer; otherwise what GFN2-xTB does to what it makes, if that is asked."""
    mol, parameters = Chem.AddHs(Chem.MolFromSmiles(smiles)), rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.timeout = 42, ETKDG_SECONDS
    with rdBase.BlockLogs():
        made = rdDistGeom.EmbedMolecule(mol, parameters) >= 0
    if not made or not _all_right(mol):
        return None
    if not relax:
        return ""
    report = RefineWithReport(mol, "GFN2-xTB", timeout=60)
    kept = report.ok and _all_right(mol)
    return f", and GFN2-xTB {'keeps' if kept else 'does not keep'} it ({report.summary()})"


def _all_right(mol: Chem.Mol) -> bool:
    return all(all(found.values()) for found in judged(mol, mol.GetConformer().GetPositions()))


def _parent(smiles: str) -> Chem.Mol | None:
    mol = None if smiles.startswith("SMARTS:") else Chem.MolFromSmiles(smiles)
    if mol is None or mol.GetNumHeavyAtoms() > MOST_ATOMS or len(Chem.GetMolFrags(mol)) > 1:
        return None
    Chem.RemoveStereochemistry(mol)
    return mol if len(Chem.FindPotentialStereo(mol)) else None


def _assigned(parent: Chem.Mol, chance: random.Random) -> str | None:
    """SMILES of a molecule with a random hand at each centre and a random side at each double bond."""
    mol = Chem.Mol(parent)
    for element in Chem.FindPotentialStereo(mol):
        if element.type == Chem.StereoType.Atom_Tetrahedral:
            mol.GetAtomWithIdx(element.centeredOn).SetChiralTag(chance.choice((CW, CCW)))
        elif element.type == Chem.StereoType.Bond_Double:
            bond, controlling = mol.GetBondWithIdx(element.centeredOn), list(element.controllingAtoms)
            if _NO_ATOM in (controlling[0], controlling[2]):
                continue
            bond.SetStereoAtoms(controlling[0], controlling[2])
            bond.SetStereo(chance.choice((CIS[0], TRANS[0])))
    Chem.AssignStereochemistry(mol, cleanIt=False, force=True)  # or the sides are not written
    read = Chem.MolFromSmiles(Chem.MolToSmiles(mol))
    return str(Chem.MolToSmiles(read)) if read is not None and _is_written(read) else None


def _is_written(mol: Chem.Mol) -> bool:
    """Whether a molecule has any stereochemistry."""
    centres = any(atom.GetChiralTag() in (CW, CCW) for atom in mol.GetAtoms())
    return centres or any(bond.GetStereo() in (*CIS, *TRANS) for bond in mol.GetBonds())


def _volume(atom: Chem.Atom, coords: np.ndarray) -> float:
    """Volume of the unit vectors to the first three neighbours: positive where these turn counterclockwise."""
    here, places = coords[atom.GetIdx()], [n.GetIdx() for n in atom.GetNeighbors()][:3]
    arms = coords[places] - here
    return float(np.linalg.det(arms / np.linalg.norm(arms, axis=1, keepdims=True)))


def _same_side(bond: Chem.Bond, coords: np.ndarray) -> bool:
    """Whether the atoms that the stereochemistry is written by are on one side of a double bond."""
    first, second = bond.GetStereoAtoms()
    begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    axis = coords[end] - coords[begin]
    axis = axis / np.linalg.norm(axis)
    arms = [coords[first] - coords[begin], coords[second] - coords[end]]
    left, right = (arm - (arm @ axis) * axis for arm in arms)
    return float(left @ right) > 0


def _cause(report: EmbedReport) -> str:
    return str(report.failed[0][1]) if report.failed else "no cause"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--isomers", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--timeout", type=int, default=20, help="seconds for an isomer")
    parser.add_argument("--workers", type=int, default=None, help="processes; as many as there are cores if not given")
    parser.add_argument("--relax", action="store_true", help="relax what ETKDGv3 alone makes with GFN2-xTB (tblite)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
