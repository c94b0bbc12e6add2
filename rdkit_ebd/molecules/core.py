"""How is a fragment told to a model, and does what is drawn still have it? Its atoms, its bonds, where it may grow."""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase

from rdkit_ebd.generators.edm.hydrogens import SLOTS
from rdkit_ebd.generators.edm.model import GeneratorConfig
from rdkit_ebd.generators.edm.orders import HeldAtoms
from rdkit_ebd.molecules.decode import connected

_HYDROGEN, _DUMMY = 1, 0
_MOST_NAMED = 5  # faults of one kind in a message


def held_atoms(core: Chem.Mol, config: GeneratorConfig) -> HeldAtoms:
    """The atoms of a fragment that stay.

    Heavy atoms and explicit hydrogens stay where they are. What grows, grows where the fragment has room: where an atom
    has hydrogens that are not atoms of the graph, or dummy atoms as neighbours.

    Args:
        core: A fragment with a 3D conformer, of which the first counts; it is not changed.
        config: Of the model.

    Raises:
        ValueError: It has no coordinates of three dimensions or such as do not fit its bonds, a charge, unpaired
            electrons, atoms of a kind that the model does not know, or a part from which nothing can grow.
        TypeError: It is no molecule.
    """
    mol, coords = _sanitised(core), _coordinates(core)
    heavy = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() > _HYDROGEN]
    if not heavy:
        raise ValueError("core has no heavy atom to grow from")
    known = {z for z, _ in config.kinds}
    if strange := sorted({a.GetSymbol() for a in heavy if a.GetAtomicNum() not in known}):
        raise ValueError(f"core has {', '.join(strange)}, of which {config.name} knows nothing")
    _check_electrons(mol, config)
    _check_bonds(mol, coords)
    hydrogens = tuple(coords[_neighbours(atom, _HYDROGEN)].reshape(-1, 3) for atom in heavy)
    room = np.array([_room(atom) for atom in heavy])
    kinds = set(config.kinds)
    for atom, own, more in zip(heavy, hydrogens, room.tolist(), strict=True):
        if not any((atom.GetAtomicNum(), count) in kinds for count in range(len(own), len(own) + more + 1)):
            raise ValueError(f"core: {_name(atom)} has {len(own)} hydrogens: {config.name} knows no such atom")
    places = [atom.GetIdx() for atom in heavy]
    parts = _parts(mol, places)
    if closed := [part for part in parts if not room[part].sum()]:
        which = ", ".join(_name(heavy[atom]) for atom in closed[0][:_MOST_NAMED])
        raise ValueError(
            f"core has no room to grow at {which}: leave out hydrogens where it may (Chem.RemoveHs), or put dummy "
            "atoms there"
        )
    return HeldAtoms(
        np.array([atom.GetAtomicNum() for atom in heavy]),
        coords[places],
        hydrogens,
        np.minimum(room, SLOTS),
        Chem.GetAdjacencyMatrix(mol, useBO=True)[np.ix_(places, places)].astype(np.int8),
        np.array([atom.GetTotalValence() for atom in heavy]),
        np.array([any(a.GetFormalCharge() for a in (atom, *atom.GetNeighbors())) for atom in heavy]),
        len(parts),
    )


def core_stays(mol: Chem.Mol, held: HeldAtoms) -> bool:
    """Whether a molecule, whose first atoms are those that were held, still has the fragment.

    Bonds between its atoms are those that they were, but for mesomerism, and nothing has grown where there was no room.
    """
    count = len(held.numbers)
    for i in range(count):
        others = [other.GetIdx() for other in mol.GetAtomWithIdx(i).GetNeighbors()]
        if len(others) - sum(other < count for other in others) > len(held.hydrogens[i]) + held.open[i]:
            return False
        for j in range(i):
            bond, order = mol.GetBondBetweenAtoms(i, j), int(held.bonds[i, j])
            if (bond is not None) != (order > 0):
                return False
            mesomeric = held.mesomeric[i] or held.mesomeric[j]
            if bond is not None and not (mesomeric or bond.GetIsAromatic() or bond.GetBondTypeAsDouble() == order):
                return False
    return True


def _sanitised(core: Chem.Mol) -> Chem.Mol:
    """A copy with Kekule's bonds, whose atoms know their hydrogens."""
    if not isinstance(core, Chem.Mol):
        raise TypeError(f"core must be a molecule with coordinates, not {core!r}")
    if not core.GetNumConformers():
        raise ValueError("core has no conformer: its atoms stay where they are, so it must have coordinates")
    mol, silence = Chem.Mol(core), rdBase.BlockLogs()
    try:
        Chem.SanitizeMol(mol)
        Chem.Kekulize(mol, clearAromaticFlags=True)
    except Chem.MolSanitizeException as error:
        raise ValueError(f"core: RDKit rejects it: {error}") from error
    finally:
        del silence
    return mol


def _coordinates(core: Chem.Mol) -> np.ndarray:
    """(A, 3) angstrom."""
    conformer = core.GetConformer()
    coords = np.asarray(conformer.GetPositions())
    if wrong := np.flatnonzero(~np.isfinite(coords).all(1)).tolist():
        named = ", ".join(_name(core.GetAtomWithIdx(atom)) for atom in wrong[:_MOST_NAMED])
        raise ValueError(f"core: coordinates of {named} are no numbers")
    if len(coords) > 1 and not conformer.Is3D() and not coords[:, 2].any():
        raise ValueError("core is a drawing in two dimensions: its atoms stay where they are, so it must have 3D ones")
    return coords


def _check_electrons(mol: Chem.Mol, config: GeneratorConfig) -> None:
    if charge := Chem.GetFormalCharge(mol):
        raise ValueError(f"core has a charge of {charge:+d}: {config.name} draws molecules that have none")
    if radicals := [atom for atom in mol.GetAtoms() if atom.GetNumRadicalElectrons()]:
        named = ", ".join(map(_name, radicals[:_MOST_NAMED]))
        raise ValueError(f"core: {named} has unpaired electrons; where it is to grow, put hydrogens or dummy atoms")


def _check_bonds(mol: Chem.Mol, coords: np.ndarray) -> None:
    """See that bonds perceived from the coordinates, as those of whole molecules will be, are those of the graph."""
    atoms = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() != _DUMMY]
    numbers = np.array([mol.GetAtomWithIdx(atom).GetAtomicNum() for atom in atoms])
    seen = Chem.GetAdjacencyMatrix(connected(numbers, coords[atoms]))
    wrong = np.argwhere(np.triu(seen != Chem.GetAdjacencyMatrix(mol)[np.ix_(atoms, atoms)])).tolist()
    faults = []
    for begin, end in ((atoms[i], atoms[j]) for i, j in wrong[:_MOST_NAMED]):
        names = f"{_name(mol.GetAtomWithIdx(begin))} and {_name(mol.GetAtomWithIdx(end))}"
        bonded = "bonded" if mol.GetBondBetweenAtoms(begin, end) else "not bonded"
        faults.append(f"{names}, which are {bonded}, are {np.linalg.norm(coords[begin] - coords[end]):.2f} A apart")
    if faults:
        raise ValueError(f"core has coordinates that do not fit its bonds: {'; '.join(faults)}")


def _room(atom: Chem.Atom) -> int:
    """Bonds to what is not there: hydrogens that are no atoms, and dummy atoms."""
    to_dummies = [bond for bond in atom.GetBonds() if bond.GetOtherAtom(atom).GetAtomicNum() == _DUMMY]
    return int(atom.GetTotalNumHs() + sum(bond.GetBondTypeAsDouble() for bond in to_dummies))


def _parts(mol: Chem.Mol, heavy: list[int]) -> list[list[int]]:
    """The places of heavy atoms that bonds between them hold together."""
    place = {atom: k for k, atom in enumerate(heavy)}
    bare = Chem.RWMol(mol)
    for bond in mol.GetBonds():
        if not {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()} <= place.keys():
            bare.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    return [[place[atom] for atom in part] for part in Chem.GetMolFrags(bare) if part[0] in place]


def _neighbours(atom: Chem.Atom, atomic: int) -> list[int]:
    return [other.GetIdx() for other in atom.GetNeighbors() if other.GetAtomicNum() == atomic]


def _name(atom: Chem.Atom) -> str:
    return f"{atom.GetSymbol()}{atom.GetIdx()}"
