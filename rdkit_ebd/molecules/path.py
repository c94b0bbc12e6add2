"""How does a molecule come out of noise? All its states as conformers of one molecule, to look at or to draw."""

from __future__ import annotations

from typing import Any

from rdkit import Chem
from rdkit.Geometry import Point3D

from rdkit_ebd._param_kinds import whole
from rdkit_ebd.generators.edm.draw import draw_path
from rdkit_ebd.molecules.decode import decoded
from rdkit_ebd.molecules.generate import DEFAULT_GENERATOR, make_plan
from rdkit_ebd.molecules.wanted import NumAtoms


def GeneratePath(
    index: int = 0,
    model: str = DEFAULT_GENERATOR,
    numAtoms: NumAtoms = None,
    conditions: dict[str, float | None] | None = None,
    randomSeed: int = -1,
    **settings: Any,
) -> Chem.Mol:
    """Draw one molecule and keep every state on the way; `viz.draw_denoising` makes a picture of it.

    Args:
        index: Which of the molecules that `GenerateMolecules` draws with the same arguments.
        model: As there.
        numAtoms: As there.
        conditions: As there.
        randomSeed: As there.
        **settings: numSteps, numRestarts, device, numThreads, as there.

    Returns:
        The molecule with a conformer for each step, noise first and itself last; where its bonds did not fill its
        valences there are steps from a little noise again (`numRestarts`). Heavy atoms come first; hydrogens lie
        on their atoms until these are in place. An invalid one has the bonds that were found.

    Raises:
        ValueError: As `GenerateMolecules`.
        TypeError: As there.

    Example:
        >>> path = GeneratePath(randomSeed=7, numSteps=20, numRestarts=0)
        >>> path.GetNumConformers()
        29
    """
    plan = make_plan(model, numAtoms, conditions, randomSeed, **settings)
    order = plan.wanted.order(plan.seed, whole(0)("index", index))
    drawn, frames = draw_path(plan.model, order, plan.seed, plan.sampling)
    mol, _ = decoded(drawn.numbers, drawn.coords)
    last = Chem.Conformer(mol.GetConformer())
    mol.RemoveAllConformers()
    for frame in frames[:-1]:
        conformer = Chem.Conformer(len(frame))
        for atom, place in enumerate(frame.astype(float).tolist()):
            conformer.SetAtomPosition(atom, Point3D(*place))
        mol.AddConformer(conformer, assignId=True)
    mol.AddConformer(last, assignId=True)
    return mol
