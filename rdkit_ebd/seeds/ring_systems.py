"""Which saturated ring systems does a molecule have, and what must stand about one for it to be itself?"""

from __future__ import annotations

from collections.abc import Iterable

from rdkit import Chem
from rdkit.Chem.rdchem import BondType, HybridizationType

SMALLEST_RING, LARGEST_RING = 6, 8
PUCKERED = 4  # sp3 atoms of a ring that has shapes to choose from
MOST_ATOMS = 75  # of a ring system with all that stands about it

_MULTIPLE = (BondType.DOUBLE, BondType.TRIPLE, BondType.AROMATIC)


def saturated_systems(mol: Chem.Mol) -> list[frozenset[int]]:
    """Atoms of rings that are joined, where one ring at least has shapes to choose from; larger rings have none.

    Those that are a part of a larger ring are left out: it has its own ways to close.
    """
    rings = [frozenset(ring) for ring in mol.GetRingInfo().AtomRings()]
    large = frozenset().union(*(ring for ring in rings if len(ring) > LARGEST_RING))
    systems: list[tuple[frozenset[int], bool]] = []
    for ring in (ring for ring in rings if len(ring) <= LARGEST_RING):
        joined = [system for system in systems if system[0] & ring]
        systems = [system for system in systems if not system[0] & ring]
        atoms = ring.union(*(other for other, _ in joined))
        systems.append((atoms, _has_shapes(mol, ring) or any(open_ for _, open_ in joined)))
    return [atoms for atoms, has_shapes in systems if has_shapes and not atoms & large]


def surroundings(mol: Chem.Mol, system: frozenset[int]) -> tuple[Chem.Mol, list[int]] | None:
    """A ring system with the first atoms of its substituents, and what tells a bulky one; the rest is hydrogen.

    Bulky are branched groups, whose second atoms are there too, and flat ones, which are there as a whole.

    Args:
        mol: All hydrogens explicit.
        system: Of `saturated_systems`.

    Returns:
        The molecule, and which atom of `mol` each of its atoms is; None where it cannot be cut out, or is too large.
    """
    first = _neighbours(mol, system)
    bulky = {i for i in first if _is_bulky(mol.GetAtomWithIdx(i))}
    kept = _with_flat_groups(mol, system | first)
    kept |= {i for i in _neighbours(mol, bulky) if not mol.GetAtomWithIdx(i).IsInRing()}
    kept = _with_flat_groups(mol, kept)
    ends = _neighbours(mol, kept)
    numbers = sorted(kept | ends)
    if len(numbers) > MOST_ATOMS:
        return None
    part = Chem.RWMol(mol)
    part.RemoveAllConformers()
    for end in ends:
        _make_hydrogen(part, end, kept)
    part.BeginBatchEdit()
    for index in set(range(mol.GetNumAtoms())) - set(numbers):
        part.RemoveAtom(index)
    part.CommitBatchEdit()
    if any(atom.GetAtomicNum() == 1 and atom.GetDegree() != 1 for atom in part.GetAtoms()):
        return None
    try:
        Chem.SanitizeMol(part)
    except Chem.MolSanitizeException:
        return None
    return part.GetMol(), numbers


def _has_shapes(mol: Chem.Mol, ring: frozenset[int]) -> bool:
    if not SMALLEST_RING <= len(ring) <= LARGEST_RING:
        return False
    return sum(mol.GetAtomWithIdx(i).GetHybridization() == HybridizationType.SP3 for i in ring) >= PUCKERED


def _neighbours(mol: Chem.Mol, atoms: Iterable[int]) -> set[int]:
    own = set(atoms)
    return {n.GetIdx() for index in own for n in mol.GetAtomWithIdx(index).GetNeighbors()} - own


def _is_bulky(atom: Chem.Atom) -> bool:
    return not atom.IsInRing() and sum(n.GetAtomicNum() > 1 for n in atom.GetNeighbors()) > 2


def _with_flat_groups(mol: Chem.Mol, kept: Iterable[int]) -> set[int]:
    """The atoms, and all that multiple bonds connect them with."""
    found, new = set(kept), set(kept)
    while new:
        bonds = (bond for index in new for bond in mol.GetAtomWithIdx(index).GetBonds())
        ends = {end for b in bonds if b.GetBondType() in _MULTIPLE for end in (b.GetBeginAtomIdx(), b.GetEndAtomIdx())}
        new = ends - found
        found |= new
    return found


def _make_hydrogen(mol: Chem.RWMol, index: int, kept: set[int]) -> None:
    """Put a hydrogen where an atom was, bonded to the atoms that are kept; its place among their neighbours stays."""
    atom = mol.GetAtomWithIdx(index)
    for neighbour in [n.GetIdx() for n in atom.GetNeighbors()]:
        if neighbour not in kept:
            mol.RemoveBond(index, neighbour)
    atom.SetAtomicNum(1)
    atom.SetFormalCharge(0)
    atom.SetIsotope(0)
    atom.SetIsAromatic(False)
    atom.SetNoImplicit(True)
    atom.SetNumExplicitHs(0)
    atom.SetNumRadicalElectrons(0)
    atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
