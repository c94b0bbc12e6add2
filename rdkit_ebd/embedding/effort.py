"""How much may be asked for of one molecule? It is counted before anything is made, so that no memory is asked for."""

from __future__ import annotations

import math

from rdkit import Chem

from rdkit_ebd.generators.model_config import MOST_TIMES, SamplingDefaults
from rdkit_ebd.params import EBD

MOST_CONFORMERS = 100_000
MOST_ATOMS = 10_000  # hydrogens included; distance geometry has a number for each pair of them
MOST_POSITIONS = 50_000_000  # of the atoms of all seeds: 1.2 GB


def excesses(mol: Chem.Mol, num_confs: int, params: EBD, sampling: SamplingDefaults) -> list[str]:
    """What is asked for beyond all bounds, in words; empty if nothing is.

    Args:
        mol: Its hydrogens may be implicit.
        num_confs: Conformers wanted.
        params: Validated.
        sampling: What the model has where the parameters leave it open.
    """
    atoms = mol.GetNumAtoms() + sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())
    if atoms > MOST_ATOMS:
        return [f"{atoms} atoms, hydrogens included, are more than {MOST_ATOMS}"]
    conformers, found = math.ceil(num_confs * params.overSample), []
    if conformers > MOST_CONFORMERS:
        found.append(f"overSample={params.overSample:g} makes {conformers} conformers, more than {MOST_CONFORMERS}")
    pool = params.seedPool or sampling.seed_pool
    if conformers * pool * atoms > MOST_POSITIONS:
        found.append(f"{conformers} conformers with {pool} seeds each, of {atoms} atoms, do not fit into the memory")
    times = (params.numSteps or sampling.steps) * (params.numRounds or sampling.rounds)
    if times > MOST_TIMES:
        found.append(f"{times} steps in all rounds together are more than {MOST_TIMES}")
    return found
