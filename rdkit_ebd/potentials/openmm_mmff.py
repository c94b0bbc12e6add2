"""MMFF94 and MMFF94s as an OpenMM System: RDKit's parameters, term by term, on any OpenMM platform, from pip alone."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from rdkit import Chem

from rdkit_ebd.potentials.base import Potential
from rdkit_ebd.potentials.mmff_terms import MMFFTerms, Term, mmff_terms
from rdkit_ebd.potentials.rdkit_ff import RDKitForceField

if TYPE_CHECKING:
    import openmm

    from rdkit_ebd.potentials.openmm_surface import OpenMMSurface

# OpenMM has nanometres, radians and kJ/mol; inside the formulas are angstrom, degrees and kcal/mol, as in Halgren's.
_MDYNE = 143.9325  # kcal/mol/angstrom^2 in a mdyne/angstrom
_DEGREE = math.pi / 180
_STRETCH = f"4.184*{_MDYNE / 2}*kb*d^2*(1-2*d+7/3*d^2); d=10*r-r0"
_BEND = f"4.184*{_MDYNE * _DEGREE**2 / 2}*ka*d^2*(1-{0.4 * _DEGREE}*d); d=theta/{_DEGREE}-theta0"
_LINEAR_BEND = f"4.184*{_MDYNE}*ka*(1+cos(theta))"
_STRETCH_BEND = (
    f"4.184*{_MDYNE * _DEGREE}*(kij*(10*distance(p1,p2)-rij)+kkj*(10*distance(p3,p2)-rkj))"
    f"*(angle(p1,p2,p3)/{_DEGREE}-theta0)"
)
_OUT_OF_PLANE = f"4.184*{_MDYNE / 2}*koop*asin(sin(angle(p4,p2,p3))*sin(dihedral(p1,p3,p2,p4)))^2"
_TORSION = "4.184*0.5*(v1*(1+cos(theta))+v2*(1-cos(2*theta))+v3*(1+cos(3*theta)))"
_NONBONDED = "4.184*(epsilon*(1.07/(x+0.07))^7*(1.12/(x^7+0.12)-2)+qq/(10*r+0.05)); x=10*r/radius"

_NAMES = re.compile(r"(MMFF94)(s?)/OpenMM(?:/(\w+))?", re.IGNORECASE)


def family(name: str) -> OpenMMMMFF | None:
    """The potential of "MMFF94/OpenMM", "MMFF94s/OpenMM" or, on a platform, "MMFF94s/OpenMM/CUDA"; None of others.

    Letters may be of any case, except in the platform, which is OpenMM's.
    """
    match = _NAMES.fullmatch(name)
    return OpenMMMMFF("MMFF94" + match[2].lower(), match[3]) if match else None


class OpenMMMMFF(Potential):
    """MMFF94 or MMFF94s with the energies of RDKit, computed by OpenMM.

    Attributes:
        name: Such as "MMFF94s/OpenMM" or "MMFF94s/OpenMM/CUDA".
        variant: "MMFF94" or "MMFF94s".
        platform: Of OpenMM, such as "CPU" or "CUDA"; None for `openmm_surface.DEFAULT_PLATFORM`.
    """

    def __init__(self, variant: str = "MMFF94s", platform: str | None = None) -> None:
        self.name = f"{variant}/OpenMM" + (f"/{platform}" if platform else "")
        self.variant, self.platform = variant, platform

    def obstacle(self, mol: Chem.Mol) -> str | None:
        """Why this molecule cannot be treated, naming the atoms without parameters; None if it can.

        Raises:
            ImportError: OpenMM or the platform is missing.
        """
        from rdkit_ebd.potentials.openmm_surface import DEFAULT_PLATFORM, find_platform

        find_platform(self.platform or DEFAULT_PLATFORM)
        return RDKitForceField(self.variant).obstacle(mol)

    def surface(self, mol: Chem.Mol) -> OpenMMSurface:
        """The energy surface of a molecule with explicit hydrogens for which `obstacle` is None."""
        from rdkit_ebd.potentials.openmm_surface import OpenMMSurface

        return OpenMMSurface(mmff_system(mol, self.variant), platform=self.platform)


def mmff_system(mol: Chem.Mol, variant: str = "MMFF94s") -> openmm.System:
    """The full energy as an OpenMM System: no cutoff, no constraints, components of a salt seeing each other.

    Its force groups, by which an energy can be taken apart, are bonds (0), angles (1), linear angles (2), stretch-bends
    (3), out-of-plane bends (4), torsions (5), and van der Waals and Coulomb together (6).

    Args:
        mol: With explicit hydrogens.
        variant: "MMFF94" or "MMFF94s".

    Raises:
        ValueError: RDKit has no parameters for it.
    """
    import openmm

    terms = mmff_terms(mol, variant)
    system = openmm.System()
    for atom in mol.GetAtoms():
        system.addParticle(atom.GetMass())
    for group, (force, item, names, found) in enumerate(_forces(terms)):
        if found:  # making a Context compiles every formula
            _fill(force, item, names, found)
            force.setForceGroup(group)
            system.addForce(force)
    return system


def _forces(terms: MMFFTerms) -> list[tuple[openmm.Force, str, str, list[Term]]]:
    """Empty custom forces, what OpenMM calls one term of each, the names of its parameters, and its terms."""
    import openmm

    return [
        (openmm.CustomBondForce(_STRETCH), "Bond", "kb r0", terms.bonds),
        (openmm.CustomAngleForce(_BEND), "Angle", "ka theta0", terms.angles),
        (openmm.CustomAngleForce(_LINEAR_BEND), "Angle", "ka", terms.linear_angles),
        (openmm.CustomCompoundBondForce(3, _STRETCH_BEND), "Bond", "kij kkj rij rkj theta0", terms.stretch_bends),
        (openmm.CustomCompoundBondForce(4, _OUT_OF_PLANE), "Bond", "koop", terms.out_of_planes),
        (openmm.CustomTorsionForce(_TORSION), "Torsion", "v1 v2 v3", terms.torsions),
        # Pair by pair: R* and epsilon depend on both atoms being donors or acceptors, and a molecule has few pairs.
        (openmm.CustomBondForce(_NONBONDED), "Bond", "radius epsilon qq", terms.nonbonded),
    ]


def _fill(force: openmm.Force, item: str, names: str, terms: list[Term]) -> None:
    declare, add = getattr(force, f"addPer{item}Parameter"), getattr(force, f"add{item}")
    for name in names.split():
        declare(name)
    compound = hasattr(force, "getNumParticlesPerBond")  # whose atoms come as a list
    for atoms, parameters in terms:
        add(*((atoms,) if compound else atoms), parameters)
