"""What handedness and double-bond geometry does this molecule's graph demand, and do coordinates show it?

Chirality tags are read as RDKit reads them (looking from the first neighbour in bond order), so what is kept here
is what `Chem.AssignStereochemistryFrom3D` perceives again; where it perceives nothing from 3D (three-coordinate N, P
and As) the written handedness is demanded all the same. Coordinates are (..., N, 3) angstrom; NaN is never kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.vectors import cross, unit

TETRAHEDRAL = {Chem.ChiralType.CHI_TETRAHEDRAL_CW: -1, Chem.ChiralType.CHI_TETRAHEDRAL_CCW: 1}
CIS = {
    Chem.BondStereo.STEREOZ: True,
    Chem.BondStereo.STEREOCIS: True,
    Chem.BondStereo.STEREOE: False,
    Chem.BondStereo.STEREOTRANS: False,
}
ATROPISOMERS = {Chem.BondStereo.STEREOATROPCW: 1, Chem.BondStereo.STEREOATROPCCW: -1}

# An ideal sp3 centre has normalised volume 0.77; RDKit calls anything under 0.1 A^3 flat, ~0.04 with an H.
MIN_VOLUME = 0.05
# Beyond 154 degrees between two ligands of S, P and heavier atoms RDKit perceives a square plane, not a tetrahedron.
MIN_COSINE = -0.88
# sin^2 of a right double-bond angle is 0.75; RDKit gives up within 2 degrees of linear or at 90 degrees of twist.
MIN_SIDE = 0.05

# Columns of (centre, four neighbours): each face of the tetrahedron seen from the centre, with the sign of the whole.
FACES = np.array([[0, 2, 3, 4], [0, 1, 4, 3], [0, 1, 2, 4], [0, 2, 1, 3]])


@dataclass(frozen=True)
class StereoLabels:
    """The stereochemistry written in a molecular graph, as index arrays.

    Attributes:
        centre_atoms: (Q,) int64, the stereocentres.
        centre_quads: (Q, 4) int64, four atoms whose signed volume has the sign `centre_signs`: the four neighbours,
            or the centre first and then its three neighbours where H or a lone pair is implicit.
        centre_signs: (Q,) int64, +1 or -1.
        double_bonds: (D, 4) int64, a-b=c-d.
        double_bond_cis: (D,) bool, a and d are on the same side.
        double_bond_others: (D, 2) int64, the second substituent of b and of c; -1 where there is none.
        atropisomers: (A, 4) int64, a-b-c-d around a hindered single bond b-c.
        atropisomer_signs: (A,) int64, sign of the dihedral a-b-c-d.
    """

    centre_atoms: np.ndarray
    centre_quads: np.ndarray
    centre_signs: np.ndarray
    double_bonds: np.ndarray
    double_bond_cis: np.ndarray
    double_bond_others: np.ndarray
    atropisomers: np.ndarray
    atropisomer_signs: np.ndarray


def stereo_labels(mol: Chem.Mol) -> StereoLabels:
    """Read the specified stereochemistry of a molecule; what is unspecified, or not judged, gives no label.

    Args:
        mol: Its graph is read, not its conformers.

    Example:
        >>> stereo_labels(Chem.MolFromSmiles("C[C@H](N)C(=O)O")).centre_atoms.tolist()
        [1]
    """
    centres = [row for row in map(_centre, mol.GetAtoms()) if row]
    found = _references(mol).items()
    bonds = [row for row in (_double_bond(mol.GetBondWithIdx(index), atoms) for index, atoms in found) if row]
    axes = [row for row in map(_atropisomer, mol.GetBonds()) if row]
    return StereoLabels(
        centre_atoms=_ints([row[0] for row in centres]),
        centre_quads=_ints([row[1] for row in centres], 4),
        centre_signs=_ints([row[2] for row in centres]),
        double_bonds=_ints([row[0] for row in bonds], 4),
        double_bond_cis=np.array([row[1] for row in bonds], dtype=bool),
        double_bond_others=_ints([row[2] for row in bonds], 2),
        atropisomers=_ints([row[0] for row in axes], 4),
        atropisomer_signs=_ints([row[1] for row in axes]),
    )


def unjudged_stereo(mol: Chem.Mol) -> list[str]:
    """Say in words which specified stereochemistry of `mol` has no label and so cannot be guaranteed.

    Such are the places around a metal (square planar and the like), and labels without atoms to refer to.
    """
    words = []
    for atom in mol.GetAtoms():
        if atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED and _centre(atom) is None:
            tag = atom.GetChiralTag().name.removeprefix("CHI_").replace("_", " ").lower()
            words.append(f"{tag} atom {atom.GetIdx()} ({atom.GetSymbol()}, {atom.GetDegree()} neighbours)")
    references = _references(mol)
    for bond in mol.GetBonds():
        if bond.GetStereo() in CIS and _double_bond(bond, references[bond.GetIdx()]) is None:
            words.append(f"double bond {bond.GetBeginAtomIdx()}={bond.GetEndAtomIdx()} without usable reference atoms")
        if bond.GetStereo() in ATROPISOMERS and _atropisomer(bond) is None:
            words.append(f"atropisomer bond {bond.GetBeginAtomIdx()}-{bond.GetEndAtomIdx()} without reference atoms")
    return words


def signed_volumes(coords: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Handedness of atom quadruples, (..., N, 3) and (Q, 4) -> (..., Q): dimensionless in [-1, 1], 0 is flat.

    For a quadruple a, b, c, d it is the triple product of the unit vectors along b-a, c-a and d-a.
    """
    points = np.asarray(coords)[..., quads, :]
    # Coinciding points have no direction, and no volume that a threshold accepts.
    edges = unit(points[..., 1:, :] - points[..., :1, :])
    return _triple(edges[..., 0, :], edges[..., 1, :], edges[..., 2, :])


def centres_kept(coords: np.ndarray, labels: StereoLabels, threshold: float = MIN_VOLUME) -> np.ndarray:
    """Which stereocentres have their written handedness: (..., N, 3) -> (..., Q) bool.

    A four-coordinate centre must also lie inside its tetrahedron: perception looks at three of the four neighbours,
    and which three depends on the reader (and on whether hydrogens were removed). No two ligands may be opposite.
    """
    x = np.asarray(coords)
    quads, centres = labels.centre_quads, labels.centre_atoms
    whole = signed_volumes(x, quads)
    faces = np.concatenate([centres[:, None], quads], axis=1)[:, FACES]
    faces = np.where((quads[:, 0] == centres)[:, None, None], quads[:, None, :], faces)
    seen = signed_volumes(x, faces.reshape(-1, 4)).reshape(*whole.shape, len(FACES))
    smallest = np.minimum(whole * labels.centre_signs, (seen * labels.centre_signs[:, None]).min(axis=-1))
    spokes = unit(x[..., quads, :] - x[..., centres[:, None], :])
    cosines = spokes @ np.swapaxes(spokes, -1, -2)
    return (smallest > threshold) & (cosines.min(axis=(-2, -1)) > MIN_COSINE)


def double_bonds_kept(coords: np.ndarray, labels: StereoLabels, threshold: float = MIN_SIDE) -> np.ndarray:
    """Which double bonds have their written geometry: (..., N, 3) -> (..., D) bool.

    Every substituent is looked at, not the named pair alone: two on one side would be perceived differently by
    readers that start from different ones.
    """
    x = np.asarray(coords)
    a, b, c, d = labels.double_bonds.T
    axis = unit(x[..., c, :] - x[..., b, :])
    wanted = np.where(labels.double_bond_cis, 1.0, -1.0)
    kept = np.ones(wanted.shape, dtype=bool)
    for at_b, sign_b in ((a, 1), (labels.double_bond_others[:, 0], -1)):
        for at_c, sign_c in ((d, 1), (labels.double_bond_others[:, 1], -1)):
            sides = _sides(x[..., at_b, :] - x[..., b, :], x[..., at_c, :] - x[..., c, :], axis)
            kept = kept & ((sides * wanted * (sign_b * sign_c) > threshold) | (at_b < 0) | (at_c < 0))
    return kept


def atropisomers_kept(coords: np.ndarray, labels: StereoLabels, threshold: float = MIN_SIDE) -> np.ndarray:
    """Which hindered single bonds have their written twist: (..., N, 3) -> (..., A) bool."""
    x = np.asarray(coords)
    a, b, c, d = (x[..., column, :] for column in labels.atropisomers.T)
    twist = _triple(unit(c - b), unit(d - c), unit(a - b))
    return -twist * labels.atropisomer_signs > threshold


def stereo_kept(coords: np.ndarray, labels: StereoLabels) -> np.ndarray:
    """Whether coordinates show every written stereo element; true where nothing is written.

    Args:
        coords: (..., N, 3) angstrom.
        labels: From `stereo_labels`.

    Returns:
        (...) bool.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("C[C@H](N)C(=O)O"))
        >>> coords = mol.GetConformer(EmbedMolecule(mol, randomSeed=1)).GetPositions()
        >>> bool(stereo_kept(coords, stereo_labels(mol))), bool(stereo_kept(-coords, stereo_labels(mol)))
        (True, False)
    """
    centres = centres_kept(coords, labels).all(axis=-1)
    bonds = double_bonds_kept(coords, labels).all(axis=-1)
    return np.asarray(centres & bonds & atropisomers_kept(coords, labels).all(axis=-1))


def _centre(atom: Chem.Atom) -> tuple[int, list[int], int] | None:
    """The centre, its four reference atoms and the sign of their volume; None if not a judged tetrahedral centre."""
    around = [bond.GetOtherAtomIdx(atom.GetIdx()) for bond in atom.GetBonds()]
    sign = TETRAHEDRAL.get(atom.GetChiralTag())
    if sign is None or len(around) not in (3, 4):
        return None
    if len(around) == 3:
        return atom.GetIdx(), [atom.GetIdx(), *around], sign
    # seen from the first neighbour instead of from the centre, the other three turn the other way
    return atom.GetIdx(), around, -sign


def _double_bond(bond: Chem.Bond, references: list[int]) -> tuple[list[int], bool, list[int]] | None:
    """Reference atoms a-b=c-d, whether a and d are cis, and the other substituents; None if not judged."""
    ends = [bond.GetBeginAtom(), bond.GetEndAtom()]
    if len(references) != 2 or any(map(_is_cumulated, ends)):
        return None
    others = []
    for end, far, reference in zip(ends, ends[::-1], references, strict=True):
        rest = {n.GetIdx() for n in end.GetNeighbors()} - {far.GetIdx()}
        if reference not in rest:
            return None
        others.append(min(rest - {reference}, default=-1))
    quad = [references[0], ends[0].GetIdx(), ends[1].GetIdx(), references[1]]
    return quad, CIS[bond.GetStereo()], others


def _atropisomer(bond: Chem.Bond) -> tuple[list[int], int] | None:
    """Atoms a-b-c-d with a and d the lowest-numbered neighbours, which RDKit's tag refers to, and their sign."""
    if bond.GetStereo() not in ATROPISOMERS:
        return None
    ends = [bond.GetBeginAtom(), bond.GetEndAtom()]
    outer = [
        min((n.GetIdx() for n in end.GetNeighbors() if n.GetIdx() != far.GetIdx()), default=-1)
        for end, far in zip(ends, ends[::-1], strict=True)
    ]
    if min(outer) < 0:
        return None
    return [outer[0], ends[0].GetIdx(), ends[1].GetIdx(), outer[1]], ATROPISOMERS[bond.GetStereo()]


def _is_cumulated(atom: Chem.Atom) -> bool:
    """A linear =C= atom: it has no side for a substituent to be on."""
    doubles = sum(bond.GetBondType() == Chem.BondType.DOUBLE for bond in atom.GetBonds())
    return atom.GetDegree() == 2 and doubles == 2


def _references(mol: Chem.Mol) -> dict[int, list[int]]:
    """The two reference atoms of each labelled double bond, by bond index; CIP-ranked where a label came bare."""
    found = {b.GetIdx(): list(b.GetStereoAtoms()) for b in mol.GetBonds() if b.GetStereo() in CIS}
    bare = [index for index, atoms in found.items() if not atoms]
    if bare:
        copy = Chem.Mol(mol)
        for index in bare:  # RDKit ranks the substituents of unlabelled bonds only
            copy.GetBondWithIdx(index).SetStereo(Chem.BondStereo.STEREONONE)
        Chem.FindPotentialStereoBonds(copy, cleanIt=True)
        found |= {index: list(copy.GetBondWithIdx(index).GetStereoAtoms()) for index in bare}
    return found


def _triple(u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    return (u * cross(v, w)).sum(axis=-1)


def _sides(u: np.ndarray, v: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Dot product of two substituents' unit vectors across the axis: positive on one side, zero when linear."""
    u, v = unit(u), unit(v)
    return (u * v).sum(axis=-1) - (u * axis).sum(axis=-1) * (v * axis).sum(axis=-1)


def _ints(rows: list, width: int | None = None) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape((-1,) if width is None else (-1, width))
