"""How does a molecule become arrays? Features, pair types, stereo labels, fragments and rotatable bonds from RDKit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from rdkit import Chem
from rdkit.Chem.rdchem import BondType, HybridizationType

from rdkit_ebd.arrays import molgraph as codes
from rdkit_ebd.arrays.molgraph import ATOM_FEATURES, SAME_FRAGMENT, MolGraph
from rdkit_ebd.chem.fragments import Vocabulary, assign_fragments
from rdkit_ebd.chem.stereo import StereoLabels, stereo_labels
from rdkit_ebd.chem.torsions import rotatable_bonds

_HYBRIDISATION = {
    HybridizationType.S: 1,
    HybridizationType.SP: 2,
    HybridizationType.SP2: 3,
    HybridizationType.SP3: 4,
}
_BOND_CODES = {BondType.DOUBLE: (codes.DOUBLE, codes.DOUBLE_RING), BondType.SINGLE: (codes.SINGLE, codes.SINGLE_RING)}
_PLAIN_BOND_CODES = {BondType.TRIPLE: codes.TRIPLE, BondType.AROMATIC: codes.AROMATIC}
_LARGEST_STIFF_RING = 8  # larger rings are flexible enough for their 1-4 pairs to be ordinary torsions


def mol_graph(mol: Chem.Mol, vocabulary: Vocabulary, labels: StereoLabels | None = None, level: int = 0) -> MolGraph:
    """Turn a molecule into arrays; its atoms, hydrogens included, keep their order.

    Args:
        mol: A sanitised molecule; not modified.
        vocabulary: Principal subgraphs for the fragments.
        labels: From `stereo_labels`, if already at hand.
        level: Level of theory, an index into the model's list.
    """
    labels = stereo_labels(mol) if labels is None else labels
    hops = np.minimum(Chem.GetDistanceMatrix(mol), 1e6).astype(np.int64)
    fragments = assign_fragments(mol, vocabulary)
    torsions, far_side = rotatable_bonds(mol, hops)
    types = _pair_types(mol, hops, labels, torsions)
    types += np.where(fragments[:, None] == fragments[None, :], SAME_FRAGMENT, 0).astype(np.uint8)
    return MolGraph(
        atom_features=_atom_features(mol, labels),
        pair_types=types,
        fragments=fragments.astype(np.int16),
        stereo_quads=labels.centre_quads.astype(np.int16).reshape(-1, 4),
        stereo_signs=labels.centre_signs.astype(np.int8),
        stereo_atoms=labels.centre_atoms.astype(np.int16),
        torsions=torsions,
        far_side=far_side,
        level=level,
    )


def unsupported(
    mol: Chem.Mol, elements: Collection[int], max_atoms: int, numbers: Sequence[int] | None = None
) -> list[str]:
    """Reasons, naming each offending atom, why a model cannot treat this molecule; empty if it can.

    Args:
        mol: The molecule, hydrogens explicit.
        elements: Atomic numbers the model knows.
        max_atoms: Most atoms it takes.
        numbers: What to call the atoms, where `mol` is part of a larger molecule.
    """
    reasons = [
        f"atom {a.GetIdx() if numbers is None else numbers[a.GetIdx()]} is "
        f"{a.GetSymbol() if a.GetAtomicNum() else 'a dummy atom'} (atomic number {a.GetAtomicNum()})"
        for a in mol.GetAtoms()
        if a.GetAtomicNum() not in elements
    ]
    if mol.GetNumAtoms() > max_atoms:
        reasons.append(f"{mol.GetNumAtoms()} atoms, hydrogens included, are more than {max_atoms}")
    return reasons


def _atom_features(mol: Chem.Mol, labels: StereoLabels) -> np.ndarray:
    rings = mol.GetRingInfo()
    stereo = set(labels.centre_atoms.tolist())
    rows = [
        (
            a.GetAtomicNum(),
            min(max(a.GetFormalCharge(), -3), 3) + 3,
            min(a.GetDegree(), 7),
            int(a.GetIsAromatic()),
            min(rings.MinAtomRingSize(a.GetIdx()), 8),
            _hybridisation(a),
            min(a.GetTotalNumHs(includeNeighbors=True), 4),
            int(a.GetIdx() in stereo),
        )
        for a in mol.GetAtoms()
    ]
    return np.array(rows, dtype=np.int16).reshape(-1, len(ATOM_FEATURES))


def _hybridisation(atom: Chem.Atom) -> int:
    """Code of an atom's hybridisation; RDKit has none for the hydrogens of `AddHs` until they are sanitised again."""
    if atom.GetAtomicNum() == 1:
        return _HYBRIDISATION[HybridizationType.S]
    return _HYBRIDISATION.get(atom.GetHybridization(), 5)


def _pair_types(mol: Chem.Mol, hops: np.ndarray, labels: StereoLabels, torsions: np.ndarray) -> np.ndarray:
    by_hops = np.full(7, codes.SIX_OR_MORE_HOPS, dtype=np.uint8)
    by_hops[[0, 2, 3, 4, 5]] = (0, codes.ONE_THREE, codes.ONE_FOUR_STIFF, codes.FOUR_HOPS, codes.FIVE_HOPS)
    types = by_hops[np.minimum(hops, 6)]
    types[hops >= 10**6] = codes.OTHER_COMPONENT
    for first, last, code in _one_four_pairs(mol, torsions):
        if hops[first, last] == 3:
            types[first, last] = types[last, first] = code
    _mark_rings(types, mol, hops)
    for first, last, code in _cis_trans_pairs(mol, labels):
        if hops[first, last] == 3:
            types[first, last] = types[last, first] = code
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        types[i, j] = types[j, i] = _bond_code(bond)
    return types


def _bond_code(bond: Chem.Bond) -> int:
    kind = bond.GetBondType()
    if kind in _BOND_CODES:
        return _BOND_CODES[kind][bond.IsInRing()]
    return _PLAIN_BOND_CODES.get(kind, codes.OTHER_BOND)


def _one_four_pairs(mol: Chem.Mol, torsions: np.ndarray) -> Iterator[tuple[int, int, int]]:
    for _, a, b, _ in torsions.tolist():
        for first in _neighbours(mol, a, b):
            for last in _neighbours(mol, b, a):
                yield first, last, codes.ONE_FOUR_ROTATABLE


def _cis_trans_pairs(mol: Chem.Mol, labels: StereoLabels) -> Iterator[tuple[int, int, int]]:
    for (a, b, c, d), cis in zip(labels.double_bonds.tolist(), labels.double_bond_cis.tolist(), strict=True):
        for first in _neighbours(mol, b, c):
            for last in _neighbours(mol, c, b):
                same = ((first == a) == (last == d)) == cis
                yield first, last, codes.ONE_FOUR_CIS if same else codes.ONE_FOUR_TRANS


def _neighbours(mol: Chem.Mol, atom: int, but: int) -> list[int]:
    return [n.GetIdx() for n in mol.GetAtomWithIdx(atom).GetNeighbors() if n.GetIdx() != but]


def _mark_rings(types: np.ndarray, mol: Chem.Mol, hops: np.ndarray) -> None:
    for ring in mol.GetRingInfo().AtomRings():
        if len(ring) <= _LARGEST_STIFF_RING:
            block = np.ix_(ring, ring)
            local = hops[block]
            types[block] = np.where(
                local == 2, codes.ONE_THREE_RING, np.where(local == 3, codes.ONE_FOUR_RING, types[block])
            )
