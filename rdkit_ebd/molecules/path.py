"""How does a molecule come out of noise? All its states as conformers of one molecule, to look at or to draw."""

from __future__ import annotations

from collections.abc import Mapping

from rdkit import Chem

from rdkit_ebd._param_kinds import whole
from rdkit_ebd.molecules.generate import DEFAULT_GENERATOR, make_plan
from rdkit_ebd.molecules.wanted import NumAtoms


def GeneratePath(
    index: int = 0,
    model: str = DEFAULT_GENERATOR,
    numAtoms: NumAtoms = None,
    conditions: Mapping[str, float | None] | None = None,
    randomSeed: int = -1,
    *,
    core: Chem.Mol | None = None,
    numSteps: int | None = None,
    numRestarts: int | None = None,
    guidance: float | None = None,
    device: str = "auto",
    numThreads: int = 1,
) -> Chem.Mol:
    """Draw one molecule and keep every state on the way; `viz.draw_denoising` makes a picture of it.

    Args:
        index: Which of the molecules that `GenerateMolecules` draws with the same arguments.
        model: As there.
        numAtoms: As there.
        conditions: As there.
        randomSeed: As there.
        core: As `StreamGenerated` has it.
        numSteps: As there.
        numRestarts: As there.
        guidance: As there.
        device: As there.
        numThreads: As there.

    Returns:
        The molecule with a conformer for each step, noise first and itself last; where its bonds did not fill its
        valences there are steps from a little noise again (`numRestarts`). Heavy atoms come first; hydrogens lie
        on their atoms until these are in place. An invalid one has the bonds that were found. The last conformer
        has the provenance, and the molecule the properties, that `GenerateMolecules` gives them.

    Raises:
        ValueError: As `GenerateMolecules`, or the model is an imported EDM.
        TypeError: As there.

    Example:
        >>> path = GeneratePath(randomSeed=7, numSteps=20, numRestarts=0)
        >>> path.GetNumConformers()
        29
    """
    chosen = whole(0)("index", index)
    plan = make_plan(
        model,
        numAtoms,
        conditions,
        randomSeed,
        core=core,
        numSteps=numSteps,
        numRestarts=numRestarts,
        guidance=guidance,
        device=device,
        numThreads=numThreads,
    )
    drawn, frames = plan.path(chosen)
    mol = plan.molecule(drawn).mol
    last = Chem.Conformer(mol.GetConformer())
    mol.RemoveAllConformers()
    for frame in frames[:-1]:
        conformer = Chem.Conformer(len(frame))
        conformer.SetPositions(frame.astype(float))
        mol.AddConformer(conformer, assignId=True)
    mol.AddConformer(last, assignId=True)
    return mol
