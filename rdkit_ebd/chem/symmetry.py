"""Which orders of a molecule's atoms are equivalent? Mappings of the graph onto itself, for symmetry-aware RMSDs."""

from __future__ import annotations

import numpy as np
from rdkit import Chem

# The two O or N ends of a conjugated group (carboxyl, nitro, amidinium, ...), as RDKit's embedder takes them for equal.
TERMINAL = Chem.MolFromSmarts("[O,N;D1;$([O,N;D1]-[*]=[O,N;D1]),$([O,N;D1]=[*]-[O,N;D1])]~[*]")


SINGLE_OR_DOUBLE = Chem.MolFromSmarts("*-,=*")


def symmetry_mappings(
    mol: Chem.Mol, onlyHeavyAtoms: bool = True, useSymmetry: bool = True, maxMatches: int = 1000
) -> np.ndarray:
    """Equivalent orders of a molecule's atoms, in which its conformers are compared.

    Args:
        mol: Its graph is read, not its conformers.
        onlyHeavyAtoms: Leave hydrogens out (unless there is nothing else).
        useSymmetry: Give all equivalent orders, not the molecule's own alone.
        maxMatches: Orders at most, which keeps fullerenes and molecules full of CF3 and tBu affordable (rdkit#1511):
            beyond it a conformer may count as new although it is not.

    Returns:
        (P, n) atom indices; the first is the order they have in `mol`.

    Example:
        >>> toluene = Chem.AddHs(Chem.MolFromSmiles("Cc1ccccc1"))
        >>> symmetry_mappings(toluene).tolist()
        [[0, 1, 2, 3, 4, 5, 6], [0, 1, 6, 5, 4, 3, 2]]
    """
    atoms = compared_atoms(mol, onlyHeavyAtoms)
    if not useSymmetry or len(atoms) < 2:
        return atoms[None, :]
    target = _submolecule(mol, atoms)
    found = target.GetSubstructMatches(_symmetrised(target), uniquify=False, maxMatches=maxMatches)
    orders = np.array(found, dtype=np.int64).reshape(-1, len(atoms))
    changed = (orders != np.arange(len(atoms))).any(axis=1)
    return np.concatenate([atoms[None, :], atoms[orders[changed]]])[:maxMatches]


def compared_atoms(mol: Chem.Mol, only_heavy: bool) -> np.ndarray:
    """Indices of the atoms that an RMSD compares: heavy ones, or all where asked for or where there are no others."""
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() != 1]
    return np.array(heavy if only_heavy and heavy else range(mol.GetNumAtoms()), dtype=np.int64)


def _submolecule(mol: Chem.Mol, atoms: np.ndarray) -> Chem.RWMol:
    """A copy of the atoms compared, in their order, without conformers."""
    part = Chem.RWMol(mol)
    part.RemoveAllConformers()
    part.BeginBatchEdit()
    for index in set(range(mol.GetNumAtoms())) - set(atoms.tolist()):
        part.RemoveAtom(index)
    part.CommitBatchEdit()
    return part


def _symmetrised(mol: Chem.Mol) -> Chem.RWMol:
    """A pattern that matches `mol` with the ends of conjugated terminal groups interchangeable."""
    pattern = Chem.RWMol(mol)
    for end, centre in mol.GetSubstructMatches(TERMINAL):
        pattern.GetAtomWithIdx(end).SetFormalCharge(0)
        bond = pattern.GetBondBetweenAtoms(end, centre)
        pattern.ReplaceBond(bond.GetIdx(), SINGLE_OR_DOUBLE.GetBondWithIdx(0))
    return pattern
