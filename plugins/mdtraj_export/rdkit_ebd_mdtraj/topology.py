"""What does mdtraj know of a molecule? Atoms in RDKit's order, names, charges, residues, and bonds with orders."""

from __future__ import annotations

from collections import Counter

import mdtraj as md
from mdtraj.core import topology as bond_types
from mdtraj.core.element import Element, virtual
from rdkit import Chem
from rdkit.Chem.rdchem import BondType

_BONDS = {
    BondType.SINGLE: (bond_types.Single, 1),
    BondType.DOUBLE: (bond_types.Double, 2),
    BondType.TRIPLE: (bond_types.Triple, 3),
}
RESIDUE = "LIG"


def mol_to_topology(mol: Chem.Mol) -> md.Topology:
    """The topology of a molecule: atom i is atom i, bond j is bond j.

    Names, chains and residues are those of the atoms' PDB information where they have it. Otherwise an atom is called
    by its element and a count (C1, H12), and the molecule is one residue, LIG. An aromatic bond has mdtraj's type
    Aromatic and the order of a Kekule structure; dative and other bonds have neither type nor order.
    """
    topology = md.Topology()
    residues = _residues(mol, topology)
    for atom, name, residue in zip(mol.GetAtoms(), _names(mol), residues, strict=True):
        element = Element.getBySymbol(atom.GetSymbol()) if atom.GetAtomicNum() else virtual
        topology.add_atom(name, element, residue, formal_charge=atom.GetFormalCharge())
    kekule = Chem.Mol(mol, True)
    Chem.Kekulize(kekule, clearAromaticFlags=True)
    for bond, resolved in zip(mol.GetBonds(), kekule.GetBonds(), strict=True):
        kind, order = _BONDS.get(resolved.GetBondType(), (None, None))
        ends = (topology.atom(bond.GetBeginAtomIdx()), topology.atom(bond.GetEndAtomIdx()))
        topology.add_bond(*ends, type=bond_types.Aromatic if bond.GetIsAromatic() else kind, order=order)
    return topology


def mismatches(mol: Chem.Mol, topology: md.Topology) -> list[str]:
    """Why the atoms of a topology are not those of a molecule, in its order; empty if they are.

    Every atom of another element is named, and every bond that only one of the two has. A topology without any bonds,
    as files without them give it, is compared by its elements alone.
    """
    if topology.n_atoms != mol.GetNumAtoms():
        return [f"{topology.n_atoms} atoms instead of {mol.GetNumAtoms()}"]
    found = [
        f"atom {ours.GetIdx()} is {theirs.element.symbol} instead of {ours.GetSymbol()}"
        for ours, theirs in zip(mol.GetAtoms(), topology.atoms, strict=True)
        if theirs.element.atomic_number != ours.GetAtomicNum()
    ]
    wanted = {frozenset((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())) for bond in mol.GetBonds()}
    given = {frozenset((first.index, second.index)) for first, second in topology.bonds}
    if given:
        found += [f"atoms {_pair(pair)} are not bonded" for pair in sorted(wanted - given, key=sorted)]
        found += [f"atoms {_pair(pair)} are bonded" for pair in sorted(given - wanted, key=sorted)]
    return found


def _pair(atoms: frozenset[int]) -> str:
    return "-".join(map(str, sorted(atoms)))


def _names(mol: Chem.Mol) -> list[str]:
    """The atoms' PDB names; an atom without one gets its element and the next number that is free."""
    infos = [atom.GetPDBResidueInfo() for atom in mol.GetAtoms()]
    names = [info.GetName().strip() if info else "" for info in infos]
    taken, counts = set(names), Counter[str]()
    for atom in mol.GetAtoms():
        symbol = atom.GetSymbol() if atom.GetAtomicNum() else virtual.symbol
        while not names[atom.GetIdx()]:
            counts[symbol] += 1
            name = f"{symbol}{counts[symbol]}"
            names[atom.GetIdx()] = "" if name in taken else name
    return names


def _residues(mol: Chem.Mol, topology: md.Topology) -> list[bond_types.Residue]:
    """The residue of each atom, added to the topology with its chain.

    mdtraj writes files residue by residue, so that a residue and a chain must end where the next atom is of another:
    hydrogens at the end of a peptide come as residues of the same names and numbers a second time.
    """
    found: list[bond_types.Residue] = []
    before = None
    for atom in mol.GetAtoms():
        chain, number, name = key = _residue_key(atom)
        if before is None or chain != before[0]:
            topology.add_chain(chain or None)
        if key != before:
            topology.add_residue(name, topology.chain(topology.n_chains - 1), resSeq=number)
        found.append(topology.residue(topology.n_residues - 1))
        before = key
    return found


def _residue_key(atom: Chem.Atom) -> tuple[str, int, str]:
    """Chain, number and name of an atom's residue; a hydrogen without them has those of its neighbour."""
    info = atom.GetPDBResidueInfo()
    if info is None and atom.GetAtomicNum() == 1 and atom.GetDegree() == 1:
        info = atom.GetNeighbors()[0].GetPDBResidueInfo()
    if info is None:
        return "", 1, RESIDUE
    return info.GetChainId().strip(), info.GetResidueNumber(), info.GetResidueName().strip() or RESIDUE
