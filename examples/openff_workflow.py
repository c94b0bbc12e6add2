"""
OpenFF workflow
===============

From SMILES to minima of OpenFF Sage in OpenMM: EBD's conformers by openff-toolkit's own calls, charges, a system.

It writes ibuprofen_sage.sdf where it is run. openff-toolkit is not on PyPI: without it this says how to install it, and
ends.
"""

from __future__ import annotations

import numpy as np

import rdkit_ebd_openff

SMILES = "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O"
CONFORMERS = 10
FORCE_FIELD = "openff-2.2.1.offxml"


def main() -> None:
    """Register EBD, then do as the toolkit's own documentation does."""
    try:
        wrapper = rdkit_ebd_openff.register()  # the one line that is ours
    except ImportError as error:
        print(error)
        return
    from openff.toolkit import ForceField, Molecule, Quantity

    molecule = Molecule.from_smiles(SMILES)
    molecule.generate_conformers(n_conformers=CONFORMERS, rms_cutoff=Quantity(0.5, "angstrom"))
    print(f"ibuprofen by EBD: {wrapper.report.summary()}")

    # MMFF94's charges need no other package; where there is AmberTools or NAGL, AM1-BCC is what Sage was fitted with.
    molecule.assign_partial_charges("mmff94")
    sage = ForceField(FORCE_FIELD)
    system = sage.create_openmm_system(molecule.to_topology(), charge_from_molecules=[molecule])
    energies, minima = minimise(system, [conformer.m_as("angstrom") for conformer in molecule.conformers])
    for rank, k in enumerate(np.argsort(energies)):
        print(f"  minimum {rank}, from conformer {k}: {energies[k] - energies.min():5.2f} kcal/mol")

    molecule.clear_conformers()
    molecule.add_conformer(Quantity(minima[energies.argmin()], "angstrom"))
    molecule.to_file("ibuprofen_sage.sdf", "SDF")
    print("ibuprofen_sage.sdf: the lowest of them")


def minimise(system: object, conformers: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Minimise conformers (N, 3) in angstrom; returns energies (K,) in kcal/mol and coordinates (K, N, 3)."""
    import openmm
    from openmm.unit import angstrom, kilocalorie_per_mole

    # At this size OpenMM's Reference platform is the fastest.
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    energies, minima = [], []
    for coords in conformers:
        context.setPositions(coords * angstrom)
        openmm.LocalEnergyMinimizer.minimize(context)
        state = context.getState(getEnergy=True, getPositions=True)
        energies.append(state.getPotentialEnergy().value_in_unit(kilocalorie_per_mole))
        minima.append(state.getPositions(asNumpy=True).value_in_unit(angstrom))
    return np.array(energies), np.array(minima)


if __name__ == "__main__":
    main()
