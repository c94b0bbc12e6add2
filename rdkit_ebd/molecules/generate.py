"""How are whole molecules made? `GenerateMolecules` draws them from noise, `StreamGenerated` as many as you like."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd._param_kinds import flag, number, optional, text, whole
from rdkit_ebd._version import __version__
from rdkit_ebd.chem.provenance import set_provenance
from rdkit_ebd.generators.edm.draw import Drawn, draw_molecules, draw_path
from rdkit_ebd.generators.edm.model import MOST_RESTARTS, LoadedGenerator, load_generator
from rdkit_ebd.generators.edm.orders import HeldAtoms
from rdkit_ebd.generators.edm.sampler import SamplingConfig
from rdkit_ebd.molecules.core import core_stays, held_atoms
from rdkit_ebd.molecules.decode import InvalidCause, decoded
from rdkit_ebd.molecules.ensemble import ensemble_of
from rdkit_ebd.molecules.generate_report import Generated, GenerateReport
from rdkit_ebd.molecules.published import is_published_file, stream_published
from rdkit_ebd.molecules.wanted import NumAtoms, Wanted, check_wanted
from rdkit_ebd.params import count_threads
from rdkit_ebd.runtime.threads import torch_threads

DEFAULT_GENERATOR = "edm-qm9"
MOST_MOLECULES, MOST_CONFORMERS = 100_000_000, 10_000
BATCH, PUBLISHED_BATCH = 512, 128  # molecules drawn together
GUIDANCE = 2.0  # of the shipped model the errors of alpha, gap and Cv are a tenth to a fifth less than at 1


@dataclass(frozen=True)
class Plan:
    """Everything that determines the molecules, checked.

    Attributes:
        model: The model, loaded.
        wanted: Sizes and conditions.
        seed: Of all streams.
        sampling: Steps and churn.
        held: Atoms that stay.
        guidance: How much of what conditions change is taken.
        embed: Conformers EBD makes of each molecule; 0: none.
        batch: Molecules in memory at once.
        threads: CPU threads.
    """

    model: LoadedGenerator
    wanted: Wanted
    seed: int
    sampling: SamplingConfig
    held: HeldAtoms | None
    guidance: float
    embed: int
    batch: int
    threads: int

    def batches(self, count: int, first: int = 0) -> Iterator[list[Drawn]]:
        """Atoms in space of the indices `first` to `count` - 1, in this order, as many at once as a batch has."""
        for start in range(first, count, self.batch):
            orders = [self.wanted.order(self.seed, index) for index in range(start, min(start + self.batch, count))]
            with torch_threads(self.threads):
                drawn = list(draw_molecules(self.model, orders, self.seed, self.sampling, self.held, self.guidance))
            yield sorted(drawn, key=lambda one: one.index)

    def molecules(self, count: int, first: int = 0) -> Iterator[Generated]:
        """The molecules of the indices `first` to `count` - 1, in this order."""
        for batch in self.batches(count, first):
            yield from map(self.molecule, batch)

    def path(self, index: int) -> tuple[Drawn, list[np.ndarray]]:
        """Atoms in space of one index, and their positions (A, 3) in every state before, angstrom."""
        with torch_threads(self.threads):
            order = self.wanted.order(self.seed, index)
            return draw_path(self.model, order, self.seed, self.sampling, self.held, self.guidance)

    def molecule(self, drawn: Drawn) -> Generated:
        """What molecule atoms in space are, with its provenance, and its ensemble where one is wanted."""
        mol, cause = decoded(drawn.numbers, drawn.coords)
        if cause is None and self.held is not None and not core_stays(mol, self.held):
            cause = InvalidCause.CORE
        set_provenance(
            mol.GetConformer(),
            version=__version__,
            model=self.model.config.name,
            weights=self.model.weights_hash,
            seed=self.seed,
            index=drawn.index,
            stage="generated",
        )
        for name, value in drawn.order.wanted:
            mol.SetProp(f"wanted_{name}", f"{value:.6g}")
        ensemble = ensemble_of(mol, self.embed, self.seed) if self.embed and cause is None else None
        return Generated(drawn.index, mol, cause, ensemble)


def GenerateMolecules(
    n: int,
    model: str = DEFAULT_GENERATOR,
    numAtoms: NumAtoms = None,
    conditions: Mapping[str, float | None] | None = None,
    randomSeed: int = -1,
    *,
    keepInvalid: bool = False,
    **settings: Any,
) -> GenerateReport:
    """Draw molecules with their coordinates from noise.

    Of the n molecules some will be invalid: atoms that RDKit makes no molecule of. They are counted with their causes,
    not replaced.

    Args:
        n: How many to draw.
        model: Name of a shipped model, or the path of a .safetensors file, also of an imported EDM.
        numAtoms: Atoms of each, hydrogens included: a number, a Python range or (fewest, most); None: as in the
            training molecules.
        conditions: Property -> value each is to have, in the model's units: `{"gap": 0.25}` (hartree);
            None: drawn for each as it is among the training molecules of its size. What each was to have is in its
            SD properties `wanted_gap`, ...
        randomSeed: Same seed, same molecules: molecule k depends on the seed and on k, not on n. -1: fresh ones.
        keepInvalid: Keep the atoms of invalid ones, too.
        **settings: As `StreamGenerated` has them: core, embed, numSteps, numRestarts, guidance, device, numThreads,
            batchSize.

    Returns:
        A report with the valid molecules: bonds, charges and stereochemistry as RDKit perceives them, one conformer,
        and its provenance.

    Raises:
        ValueError: There is no such model or property, or a value is outside of what the model knows, which is said.
        TypeError: A value is of another kind.

    Example:
        >>> report = GenerateMolecules(4, randomSeed=7, numAtoms=range(15, 20))
        >>> len(report.mols) + len(report.failed)
        4
    """
    begin = time.perf_counter()
    report = GenerateReport(whole(1, MOST_MOLECULES)("n", n))
    keep = flag("keepInvalid", keepInvalid)
    for generated in StreamGenerated(n, model, numAtoms, conditions, randomSeed, **settings):
        report.add(generated, keep)
    report.seconds = time.perf_counter() - begin
    return report


def StreamGenerated(
    n: int,
    model: str = DEFAULT_GENERATOR,
    numAtoms: NumAtoms = None,
    conditions: Mapping[str, float | None] | None = None,
    randomSeed: int = -1,
    *,
    core: Chem.Mol | None = None,
    embed: int = 0,
    numSteps: int | None = None,
    numRestarts: int | None = None,
    guidance: float | None = None,
    device: str = "auto",
    numThreads: int = 1,
    batchSize: int | None = None,
) -> Iterator[Generated]:
    """Draw molecules one after the other, also more than memory holds; what is wrong is said at once.

    Args:
        n: How many to draw.
        model: As `GenerateMolecules` has it.
        numAtoms: As there.
        conditions: As there.
        randomSeed: As there.
        core: A 3D fragment that every molecule has: its heavy atoms and its explicit hydrogens stay where they are, and
            new atoms grow where it has implicit hydrogens or dummy atoms.
        embed: Conformers that EBD makes of each molecule, ranked by MMFF94s, to compare the generated pose with; 0:
            none.
        numSteps: Evaluations of the network; None for the model's own.
        numRestarts: How often heavy atoms whose bonds do not fill their valences are drawn again from a little noise;
            0: everything is taken as it comes, None: as the model has it.
        guidance: How strongly conditions pull; 1: as learnt, 2: twice as far, which comes nearer to what is asked for
            and costs a second evaluation of each step. None: 2.
        device: "auto", "cpu", "cuda" or "cuda:N".
        numThreads: CPU threads; 0: all, -n: all but n.
        batchSize: Molecules drawn together; None: 512, of the published EDM 128. It changes memory and speed, and
            molecules no more than rounding does.

    Yields:
        `Generated`, n of them, in the order of their indices, invalid ones too.

    Raises:
        ValueError: As `GenerateMolecules`.
        TypeError: As there.

    Example:
        >>> [one.index for one in StreamGenerated(3, randomSeed=7)]
        [0, 1, 2]
    """
    count = whole(1, MOST_MOLECULES)("n", n)
    if is_published_file(text("model", model)):
        lacking = {"core": core, "guidance": guidance, "numRestarts": numRestarts}
        if asked := [name for name, value in lacking.items() if value is not None]:
            raise ValueError(f"the published EDM has no {', '.join(asked)}")
        conformers, threads = whole(0, MOST_CONFORMERS)("embed", embed), _threads(numThreads)
        batch, seed = _batch(batchSize, PUBLISHED_BATCH), whole(-1)("randomSeed", randomSeed)
        return stream_published(count, model, numAtoms, conditions, seed, numSteps, conformers, device, threads, batch)
    plan = make_plan(
        model,
        numAtoms,
        conditions,
        randomSeed,
        core=core,
        embed=embed,
        numSteps=numSteps,
        numRestarts=numRestarts,
        guidance=guidance,
        device=device,
        numThreads=numThreads,
        batchSize=batchSize,
    )
    return plan.molecules(count)


def make_plan(
    model: str,
    num_atoms: NumAtoms,
    conditions: Mapping[str, float | None] | None,
    seed: int,
    *,
    core: Chem.Mol | None = None,
    embed: int = 0,
    numSteps: int | None = None,
    numRestarts: int | None = None,
    guidance: float | None = None,
    device: str = "auto",
    numThreads: int = 1,
    batchSize: int | None = None,
) -> Plan:
    """What `StreamGenerated` is asked for, checked, the model loaded."""
    seed = whole(-1)("randomSeed", seed)
    steps = optional(whole(1, 1000))("numSteps", numSteps)
    if is_published_file(text("model", model)):
        raise ValueError(f"{model} is an imported EDM, with which GenerateMolecules and StreamGenerated alone draw")
    loaded = load_generator(text("model", model), device)
    held = None if core is None else held_atoms(core, loaded.config)
    restarts = optional(whole(0, MOST_RESTARTS))("numRestarts", numRestarts)
    own = loaded.config.sampling
    sampling = replace(own, steps=steps or own.steps, restarts=own.restarts if restarts is None else restarts)
    return Plan(
        loaded,
        check_wanted(loaded.config, num_atoms, conditions, held),
        secrets.randbits(31) if seed == -1 else seed,
        sampling,
        held,
        number(0, high=100)("guidance", GUIDANCE if guidance is None else guidance),
        whole(0, MOST_CONFORMERS)("embed", embed),
        _batch(batchSize, BATCH),
        _threads(numThreads),
    )


def _threads(wanted: int) -> int:
    return count_threads(whole(-10_000, 10_000)("numThreads", wanted))


def _batch(wanted: int | None, own: int) -> int:
    return optional(whole(1, 100_000))("batchSize", wanted) or own
