"""How long does each method take for each molecule? In turns, in one process, all with the same number of threads.

What makes it fair: the methods of a molecule follow one another, and who comes first changes from molecule to molecule
and from repeat to repeat, so that a machine that is busier now than later is so for all alike. RDKit's embedding, the
minimiser and torch have the same number of threads. Each method makes a small molecule's conformers first, uncounted.
EBD runs on the CPU too, unless its name says otherwise ("EBD:device=cuda").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from rdkit import Chem, rdBase

from rdkit_ebd.data.record import Record
from rdkit_ebd.evaluation.measures import ReferenceMetrics, positions
from rdkit_ebd.evaluation.method import Method
from rdkit_ebd.evaluation.methods import EBDMethod, Generated, generate
from rdkit_ebd.evaluation.run import WARM_UP, require_at_least
from rdkit_ebd.runtime.threads import torch_threads

QUALITY = ("mat_r", "mat_p")  # of `rdkit_ebd.evaluation.measures`


@dataclass(frozen=True)
class Plan:
    """What every method is asked for.

    Attributes:
        confs: Conformers of a molecule without references.
        factor: Conformers per reference of a molecule that has some.
        repeat: Times that each is timed; the fastest counts.
        threads: CPU threads.
        seed: Of the conformers, the same in every repeat.

    Raises:
        ValueError: A number is too small; all these are named.
    """

    confs: int = 50
    factor: int = 2
    repeat: int = 1
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        positive = {name: (getattr(self, name), 1) for name in ("confs", "factor", "repeat", "threads")}
        require_at_least(**positive, seed=(self.seed, 0))

    def count(self, record: Record) -> int:
        """Conformers asked for of a molecule."""
        return self.factor * len(record.coords) or self.confs


@dataclass(frozen=True)
class Timing:
    """One method's conformers of one molecule.

    Attributes:
        method: Its name.
        title: The molecule's name.
        atoms: Atoms, hydrogens included.
        requested: Conformers asked for.
        conformers: Conformers made.
        seconds: By the clock, in the fastest of the repeats.
        cpu_seconds: Of all threads together, in the same repeat.
        stages: Seconds by stage, where the method reports them.
        failures: Causes and counts, also where a later attempt went well.
        problem: Why the method rejected the molecule; empty if it did not.
        metrics: `QUALITY`, angstrom, where there are references.
    """

    method: str
    title: str
    atoms: int
    requested: int
    conformers: int
    seconds: float
    cpu_seconds: float
    stages: dict[str, float] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    metrics: dict[str, float] = field(default_factory=dict)


def time_methods(records: Iterable[Record], methods: Sequence[Method], plan: Plan) -> list[Timing]:
    """Time methods; one timing per molecule and method, in this order.

    A molecule that a method rejects, or that ends with fewer conformers, is a timing too.

    Args:
        records: Molecules; where they have references, what is made is judged by these, outside the clock.
        methods: From `rdkit_ebd.evaluation.methods.parse_methods`.
        plan: What is asked for.
    """
    alike = [on_equal_terms(method, plan.threads) for method in methods]
    timings: list[Timing] = []
    with torch_threads(plan.threads), rdBase.BlockLogs():
        for method in alike:
            generate(Chem.AddHs(Chem.MolFromSmiles(WARM_UP)), method, 2, plan.seed)
        for index, record in enumerate(records):
            timings += _time_molecule(index, record, alike, plan)
    return timings


def on_equal_terms(method: Method, threads: int) -> Method:
    """The method with so many threads and, unless its name says otherwise, on the CPU."""
    if isinstance(method, EBDMethod) and method.params.device == "auto":
        params = method.params.copy()
        params.device = "cpu"
        method = replace(method, params=params)
    return replace(method, threads=threads)


def _time_molecule(index: int, record: Record, methods: Sequence[Method], plan: Plan) -> list[Timing]:
    fastest: dict[str, Generated] = {}
    for repeat in range(plan.repeat):
        first = (index + repeat) % len(methods)
        for method in (*methods[first:], *methods[:first]):
            made = generate(record.mol, method, plan.count(record), plan.seed)
            if method.name not in fastest or made.seconds < fastest[method.name].seconds:
                fastest[method.name] = made
    reference = ReferenceMetrics(record) if len(record.coords) else None
    return [_timing(record, method.name, fastest[method.name], plan, reference) for method in methods]


def _timing(record: Record, method: str, made: Generated, plan: Plan, reference: ReferenceMetrics | None) -> Timing:
    measured = reference.measure(positions(made.mol), {}) if reference else {}
    return Timing(
        method=method,
        title=record.title,
        atoms=record.mol.GetNumAtoms(),
        requested=plan.count(record),
        conformers=made.mol.GetNumConformers(),
        seconds=made.seconds,
        cpu_seconds=made.cpu_seconds,
        stages=made.embedding.stages,
        failures=dict(made.embedding.failures),
        problem=made.embedding.problem,
        metrics={name: measured[name] for name in QUALITY if name in measured},
    )
