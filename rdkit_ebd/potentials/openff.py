"""What is the OpenFF energy of a molecule? Sage and other SMIRNOFF force fields, assigned by openff-toolkit, in OpenMM.

Constraints are taken out of the force field, so that bonds to hydrogen stretch and every gradient is true; what is left
is the force field's `unconstrained` variant. With "/water" the molecule is in implicit water, which keeps charged
groups from folding onto each other: OBC2 with the ACE surface term (Onufriev, Bashford & Case 2004).
"""

from __future__ import annotations

import copy
import re
import warnings
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rdkit import Chem

from rdkit_ebd.potentials.base import Potential, Surface

if TYPE_CHECKING:
    import openmm

DEFAULT = "openff-2.2.1"
INSTALL = "conda install -c conda-forge openff-toolkit"

# Charge methods, best first, with what a reader of the energies is told.
CHARGES = {
    "openff-gnn-am1bcc-1.0.0.pt": "charges: AM1-BCC as predicted by NAGL",
    "am1bcc": "charges: AM1-BCC",
    "mmff94": "charges: MMFF94 by RDKit, as neither NAGL nor AmberTools is installed or can treat the molecule; "
    "OpenFF force fields were fitted with AM1-BCC",
}

# Radii in angstrom (Bondi's, as modified for OBC2) and how much of a sphere its neighbours hide (Hawkins et al. 1996).
RADII = {1: 1.2, 6: 1.7, 7: 1.55, 9: 1.5, 8: 1.5, 14: 2.1, 15: 1.85, 16: 1.8, 17: 1.7}
RADIUS_H_ON_N, OTHER_RADIUS = 1.3, 1.5
SCREENING = {1: 0.85, 6: 0.72, 7: 0.79, 8: 0.85, 9: 0.88, 15: 0.86, 16: 0.96}
OTHER_SCREENING = 0.8

_SUFFIX, _WATER = ".offxml", "/water"
_FAMILIES = re.compile(r"openff(_[a-z]\w*)?-\d|smirnoff99Frosst-\d", re.IGNORECASE)
_INDICES = re.compile(r"ind(?:ices|ex) \((\d+(?:, \d+)*),?\)")


def family(name: str) -> OpenFF | None:
    """The potential of "openff" (the default), of a name such as "openff-2.2.1" or of any .offxml; None of others.

    Each of them may be followed by "/water".
    """
    dry = name.removesuffix(_WATER)
    in_water = dry != name
    if dry.lower() == "openff":
        return OpenFF(DEFAULT, in_water)
    if dry.endswith(_SUFFIX) or _FAMILIES.match(dry):
        return OpenFF(dry.removesuffix(_SUFFIX), in_water)
    return None


class OpenFF(Potential):
    """A SMIRNOFF force field.

    Attributes:
        name: Such as "openff-2.2.1" or "openff-2.2.1/water".
        force_field: Without .offxml.
        in_water: Whether there is implicit water around.
    """

    def __init__(self, force_field: str, in_water: bool = False) -> None:
        self.force_field, self.in_water = force_field, in_water
        self.name = force_field + _WATER if in_water else force_field

    def obstacle(self, mol: Chem.Mol) -> str | None:
        """Why this molecule cannot be treated, such as atoms without parameters; None if it can.

        Raises:
            ImportError: openff-toolkit or OpenMM is missing.
            ValueError: There is no such force field; the message lists those installed.
        """
        found = self._parametrised(mol)
        return found if isinstance(found, str) else None

    def surface(self, mol: Chem.Mol) -> Surface:
        """The energy surface of a molecule with explicit hydrogens for which `obstacle` is None."""
        from rdkit_ebd.potentials.openmm_surface import OpenMMSurface

        found = self._parametrised(mol)
        if isinstance(found, str):
            raise ValueError(found)
        system, note = found
        if self.in_water:
            system = copy.deepcopy(system)
            system.addForce(_water(mol, system))
        return OpenMMSurface(system, notes=(note,))

    def _parametrised(self, mol: Chem.Mol) -> tuple[openmm.System, str] | str:
        _require_packages()
        return _parametrise(self.force_field, Chem.Mol(mol, True).ToBinary())


# Finding the parameters takes longer than using them, and `obstacle` and `surface` both need them.
@lru_cache(maxsize=8)
def _parametrise(name: str, binary: bytes) -> tuple[openmm.System, str] | str:
    """The system of a molecule and a note on its charges, or why there is none."""
    from openff.interchange.exceptions import InterchangeException
    from openff.toolkit import Molecule
    from openff.toolkit.utils.exceptions import OpenFFToolkitException

    force_field = _force_field(name)
    mol = Chem.Mol(binary)  # type: ignore[call-overload]  # RDKit's stub errs
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of molecules with several components, whose atom order must stay
            molecule = Molecule.from_rdkit(mol, allow_undefined_stereo=True)
            note = _charge(molecule)
            system = force_field.create_openmm_system(molecule.to_topology(), charge_from_molecules=[molecule])
    except (OpenFFToolkitException, InterchangeException, ValueError, KeyError) as error:
        return f"{name} has no parameters for it: {_in_short(mol, str(error))}"
    return system, note


def _charge(molecule: Any) -> str:
    """Give an OpenFF molecule the best charges there are, and say which.

    Raises:
        ValueError: Not even MMFF94 has any.
    """
    for method, note in CHARGES.items():
        try:
            molecule.assign_partial_charges(method)
        except ValueError:  # of the toolkit's registry: no package that is installed could do it
            continue
        return note
    raise ValueError("there is no method that gives it partial charges")


def _water(mol: Chem.Mol, system: openmm.System) -> openmm.GBSAOBCForce:
    """Implicit water around a molecule, whose charges are those of its system."""
    import openmm

    [nonbonded] = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    water = openmm.GBSAOBCForce()
    for atom in mol.GetAtoms():
        number, radius = atom.GetAtomicNum(), RADII.get(atom.GetAtomicNum(), OTHER_RADIUS)
        if number == 1 and any(neighbour.GetAtomicNum() == 7 for neighbour in atom.GetNeighbors()):
            radius = RADIUS_H_ON_N
        charge, *_ = nonbonded.getParticleParameters(atom.GetIdx())
        water.addParticle(charge, radius / 10, SCREENING.get(number, OTHER_SCREENING))  # nm
    return water


@lru_cache
def _force_field(name: str) -> Any:
    from openff.toolkit import ForceField, get_available_force_fields

    try:
        force_field = ForceField(name + _SUFFIX)
    except OSError as error:
        known = sorted(found.removesuffix(_SUFFIX) for found in get_available_force_fields())
        raise ValueError(f"no force field {name!r}: installed are {', '.join(known)}") from error
    if "Constraints" in force_field.registered_parameter_handlers:
        force_field.deregister_parameter_handler("Constraints")
    return force_field


def _in_short(mol: Chem.Mol, message: str) -> str:
    """The atoms that an error speaks of, or its first line."""
    atoms = sorted({int(index) for group in _INDICES.findall(message) for index in group.split(", ")})
    if atoms:
        return "atoms " + ", ".join(f"{i} ({mol.GetAtomWithIdx(i).GetSymbol()})" for i in atoms)
    return message.strip().splitlines()[0]


def _require_packages() -> None:
    try:
        for package in ("openmm", "openff.toolkit", "openff.interchange"):
            import_module(package)
    except ImportError as error:
        raise ImportError(f"OpenFF force fields need openff-toolkit, which is not on PyPI: {INSTALL}") from error
