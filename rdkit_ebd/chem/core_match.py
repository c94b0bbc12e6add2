"""Which atoms of a molecule are those of a core whose pose is known, and where do they belong?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFMCS

from rdkit_ebd.chem.held_stereo import contradicted

MOST_MATCHES = 200
MCS_SECONDS = 5
FEWEST_COMMON = 3  # atoms that molecules must have in common: fewer leave open how the molecule lies


@dataclass(frozen=True)
class CoreMatch:
    """Atoms of a molecule, and the atoms of a reference whose positions they take.

    Attributes:
        atoms: Indices of the molecule.
        reference_atoms: Indices of the reference, in the same order.
        positions: (n, 3) angstrom.

    Example:
        >>> known, mol = (Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in ("Oc1ccccc1", "CCc1ccccc1O"))
        >>> EmbedMolecule(known, randomSeed=7)
        0
        >>> match = MatchCore(mol, known)
        >>> len(match.atoms), match.coordMap.keys() == set(match.atoms)
        (7, True)
    """

    atoms: tuple[int, ...]
    reference_atoms: tuple[int, ...]
    positions: np.ndarray

    @property
    def coordMap(self) -> dict[int, tuple[float, float, float]]:
        """Positions by atom index, as `EBD.coordMap` takes them."""
        return {
            atom: (float(x), float(y), float(z)) for atom, (x, y, z) in zip(self.atoms, self.positions, strict=True)
        }

    def rmsd(self, coords: np.ndarray) -> float:
        """How far the core of a conformer (N, 3) is from the reference, without superposing them, angstrom."""
        return float(np.sqrt(((coords[list(self.atoms)] - self.positions) ** 2).sum(1).mean()))

    def in_words(self) -> str:
        """Such as "atoms 0-5 on 3-8, 8 on 12 of the reference", with atom numbers from 0."""
        runs: list[list[tuple[int, int]]] = []
        for own, other in sorted(zip(self.atoms, self.reference_atoms, strict=True)):
            if runs and (own - 1, other - 1) == runs[-1][-1]:
                runs[-1].append((own, other))
            else:
                runs.append([(own, other)])
        words = [" on ".join(_span(run[0][side], run[-1][side]) for side in (0, 1)) for run in runs]
        return f"atoms {', '.join(words)} of the reference"

    def result(self, coords: Sequence[np.ndarray]) -> str:
        """What a reader of the finished conformers, (N, 3) angstrom each, should know of their core; at least one."""
        off = max(self.rmsd(x) for x in coords)
        return f"core of {len(self.atoms)} atoms: RMSD {off:.4f} angstrom from the reference ({self.in_words()})"


def MatchCore(
    mol: Chem.Mol,
    reference: Chem.Mol,
    smarts: str | None = None,
    mcs: bool = False,
    confId: int = -1,
    *,
    atoms: Sequence[int] | None = None,
) -> CoreMatch:
    """Find the core of a reference in a molecule.

    Of several ways to lay it on (a ring may be turned over), the one is taken in which most of what hangs on the core
    is as in the reference, and whose positions have the written stereo.

    Args:
        mol: The molecule to be embedded.
        reference: A molecule with a conformer, such as a ligand of a crystal structure; its heavy atoms are the core.
        smarts: What of the reference is the core; None: all of it.
        mcs: Take what both have in common, whole rings.
        confId: The reference's conformer.
        atoms: Indices of the reference's atoms that are the core. Of smarts, mcs and atoms one at most.

    Raises:
        ValueError: The reference has no conformer in three dimensions; the core is in one of the two molecules only;
            smarts cannot be read; there are no such atoms; or two of smarts, mcs and atoms are given.

    Example:
        >>> known = Chem.AddHs(Chem.MolFromSmiles("c1ccc2scnc2c1"))
        >>> EmbedMolecule(known, randomSeed=7)
        0
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CCNC(=O)c1nc2ccccc2s1"))
        >>> report = EmbedWithReport(mol, 5, core=MatchCore(mol, known), randomSeed=42)
        >>> report.messages
        ['core of 9 atoms: RMSD 0.0000 angstrom from the reference (atoms 5-8 on ...)']
    """
    require_pose(reference, confId)
    pattern, known = core_of(mol, reference, smarts, mcs, atoms)
    places = reference.GetConformer(confId).GetPositions()
    found = [
        CoreMatch(own, other, places[list(other)])
        for other in known
        for own in mol.GetSubstructMatches(pattern, uniquify=False, maxMatches=MOST_MATCHES)
    ]
    if not found:
        advice = "" if mcs else ": use what they have in common (mcs=True), or say what is the core (smarts=...)"
        raise ValueError(f"the core {Chem.MolToSmarts(pattern)!r} is not in both molecules{advice}")
    found.sort(key=lambda match: _unlikeness(match, mol, reference))
    return next((match for match in found if not contradicted(mol, match.coordMap)), found[0])


def require_pose(reference: Chem.Mol, confId: int = -1) -> None:
    """Raise a ValueError where a molecule has no conformer in three dimensions, and can be no reference."""
    if not reference.GetNumConformers() or not reference.GetConformer(confId).Is3D():
        raise ValueError("the reference of a core needs a conformer in three dimensions")


def core_of(
    mol: Chem.Mol, reference: Chem.Mol, smarts: str | None, mcs: bool, atoms: Sequence[int] | None
) -> tuple[Chem.Mol, Sequence[tuple[int, ...]]]:
    """The core as a pattern, and where it is in the reference, as `MatchCore` takes them.

    Raises:
        ValueError: As there, but for what is not in `mol`.
    """
    if (smarts is not None) + mcs + (atoms is not None) > 1:
        raise ValueError("say what is the core by smarts, by mcs or by atoms, not by two of them")
    if atoms is not None:
        return _part(reference, atoms)
    pattern = _pattern(mol, reference, smarts, mcs)
    known = reference.GetSubstructMatches(pattern, maxMatches=MOST_MATCHES)
    if smarts is not None and not known:
        raise ValueError(f"smarts={smarts!r} is not in the reference")
    return pattern, known if smarts is not None else known[:1]


def _part(reference: Chem.Mol, atoms: Sequence[int]) -> tuple[Chem.Mol, list[tuple[int, ...]]]:
    """The part of a reference that has these atoms, and they in its order."""
    chosen, count = tuple(sorted({int(i) for i in atoms})), reference.GetNumAtoms()
    strangers = [i for i in chosen if not 0 <= i < count]
    if strangers or not chosen:
        named = f"names atoms {strangers}" if strangers else "names none"
        raise ValueError(f"the core {named}, but the reference has {count} (0 to n - 1)")
    part = Chem.RWMol(reference, True)
    for index in range(count - 1, -1, -1):
        if index not in chosen:
            part.RemoveAtom(index)
    for atom in part.GetAtoms():
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)  # looked at in the positions
    Chem.FastFindRings(part)
    return part.GetMol(), [chosen]


def _unlikeness(match: CoreMatch, mol: Chem.Mol, reference: Chem.Mol) -> float:
    """How much the surroundings of a core differ: bonds between its pieces, and neighbours of its atoms."""
    own = Chem.GetDistanceMatrix(mol)[np.ix_(match.atoms, match.atoms)]
    other = Chem.GetDistanceMatrix(reference)[np.ix_(match.reference_atoms, match.reference_atoms)]
    pairs = zip(match.atoms, match.reference_atoms, strict=True)
    differing = sum(_differing(_neighbours(mol, i), _neighbours(reference, j)) for i, j in pairs)
    return float(np.abs(own - other).sum() / 2 + differing)


def _neighbours(mol: Chem.Mol, index: int) -> Counter[int]:
    """Elements of the heavy neighbours of an atom, and how many there are."""
    heavy = [a.GetAtomicNum() for a in mol.GetAtomWithIdx(index).GetNeighbors() if a.GetAtomicNum() > 1]
    return Counter([*heavy, *[0] * len(heavy)])


def _differing(some: Counter[int], others: Counter[int]) -> int:
    return sum(((some - others) + (others - some)).values())


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _pattern(mol: Chem.Mol, reference: Chem.Mol, smarts: str | None, mcs: bool) -> Chem.Mol:
    if smarts is not None:
        pattern = Chem.MolFromSmarts(smarts)
        if pattern is None:
            raise ValueError(f"smarts={smarts!r} cannot be read")
        return pattern
    heavy = Chem.RemoveHs(Chem.Mol(reference, True))
    if not mcs:
        return heavy
    common = rdFMCS.FindMCS(
        [Chem.RemoveHs(Chem.Mol(mol, True)), heavy],
        timeout=MCS_SECONDS,
        ringMatchesRingOnly=True,
        completeRingsOnly=True,
    )
    if common.numAtoms < FEWEST_COMMON:
        raise ValueError(f"the molecule and the reference have no core of at least {FEWEST_COMMON} atoms in common")
    return Chem.MolFromSmarts(common.smartsString)
