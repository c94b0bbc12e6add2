"""How do conformers reach the minima of an energy surface? RefineConformers, in place, each judged afterwards."""

from __future__ import annotations

import math
import operator
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rdkit import Chem, rdBase
from rdkit.Chem import Conformer
from tqdm.auto import tqdm

from rdkit_ebd.chem.conformers import chosen_conformers, place, positions, refuse_unfinished
from rdkit_ebd.chem.provenance import get_provenance, set_provenance
from rdkit_ebd.chem.stereo import stereo_labels
from rdkit_ebd.ensemble.energy_runner import Engine, potential_of
from rdkit_ebd.ensemble.minimise import Minimised, Terms, bonds_lost, first_of, relax, stereo_lost
from rdkit_ebd.judge.connectivity import Connectivity
from rdkit_ebd.params import count_threads
from rdkit_ebd.potentials import Potential
from rdkit_ebd.potentials.base import MAX_ITERS
from rdkit_ebd.report import FailureCause, advice_on, causes_in_words
from rdkit_ebd.report.tabular import Tabular
from rdkit_ebd.runtime.deadline import Deadline

FAILED = (-1, math.nan)  # RDKit's code for a molecule without parameters


@dataclass
class RefineReport(Tabular):
    """The outcome of one refinement; `to_frame()` and `to_csv(path)` give it as a table, a row for each conformer.

    Attributes:
        method: Name of the potential.
        ids: Ids of the conformers asked for.
        results: (0, 1 or -1, energy in kcal/mol) of each: converged, not converged, not refined (energy NaN).
        problems: (id, cause) of each conformer that is as it was before; causes are of `FailureCause`.
        notes: What a reader of the energies should know, such as where charges came from.
        messages: What else a reader should know, such as which atoms have no parameters.
        seconds: Time spent.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 2, randomSeed=1)
        >>> report = RefineWithReport(mol, "MMFF94s")
        >>> report.converged, report.problems
        (2, [])
        >>> report.summary()
        '2 of 2 conformers at MMFF94s minima in ... s'
    """

    columns: ClassVar[Sequence[str]] = ("conformer", "converged", "energy", "problem", "method")

    method: str
    ids: list[int]
    results: list[tuple[int, float]] = field(default_factory=list)
    problems: list[tuple[int, FailureCause]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def converged(self) -> int:
        """Conformers that reached a minimum."""
        return Counter(code for code, _ in self.results)[0]

    @property
    def ok(self) -> bool:
        """Whether all of them did."""
        return self.converged == len(self.ids)

    @property
    def advice(self) -> list[str]:
        """What each problem means and what to try, a line per cause."""
        return advice_on((cause for _, cause in self.problems), refinement=True)

    def summary(self) -> str:
        """`18 of 20 conformers at MMFF94s minima in 0.41 s (2 not refined: CENTRE_INVERTED 2)`, and advice."""
        line = f"{self.converged} of {len(self.ids)} conformers at {self.method} minima in {self.seconds:.2f} s"
        short = len(self.ids) - self.converged - len(self.problems)
        lost = []
        if short:
            lost.append(f"{short} not converged")
        if self.problems:
            lost.append(f"{len(self.problems)} not refined{causes_in_words(self.problems)}")
        line += f" ({', '.join(lost)})" if lost else ""
        return "; ".join([line, *self.messages, *self.advice])

    def rows(self) -> list[dict[str, Any]]:
        """A row for each conformer; energies in kcal/mol, NaN where there is none."""
        causes = {index: str(cause) for index, cause in self.problems}
        return [
            {
                "conformer": index,
                "converged": code == 0,
                "energy": energy,
                "problem": causes.get(index, ""),
                "method": self.method,
            }
            for index, (code, energy) in zip(self.ids, self.results, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Every field, `converged` and `ok`, as JSON takes them; energies that are not there are None."""
        results = [[code, None if math.isnan(energy) else energy] for code, energy in self.results]
        problems = [list(pair) for pair in self.problems]
        return {**vars(self), "results": results, "problems": problems, "converged": self.converged, "ok": self.ok}


def RefineConformers(
    mol: Chem.Mol,
    method: str | Potential = "MMFF94s",
    confIds: Sequence[int] | None = None,
    *,
    maxIters: int = MAX_ITERS,
    numThreads: int = 1,
    restraint: float = 0.0,
    fixedAtoms: Iterable[int] = (),
    timeout: float = 0,
    progress: bool = False,
) -> list[tuple[int, float]]:
    """Relax conformers on an energy surface, in place; what is written stays the molecule that it was.

    Answers as `rdForceFieldHelpers.MMFFOptimizeMoleculeConfs` does. A conformer keeps its coordinates, and its property
    "ebd_refine_problem" says why, where it would lose its written stereochemistry, where a bond would be torn or made
    (the proton of a zwitterion moves in the gas phase; "GFN2-xTB/water" leaves it), or where coordinates would not be
    finite. Each conformer is written as it finishes: Ctrl-C leaves the finished ones refined and the others untouched.
    Provenance ("ebd_stage", "ebd_refined", "ebd_converged", "ebd_energy", "ebd_energy_method") is kept on the
    conformers, see `get_provenance`.

    Args:
        mol: Changed in place: coordinates and properties of its conformers alone. All hydrogens are explicit.
        method: "UFF", "MMFF94", "MMFF94s", "MMFF94s/OpenMM", "openff-2.2.1", "GFN2-xTB", "AIMNet2", "ANI-2xt", ... or
            a `Potential`.
        confIds: Ids of the conformers, in the order of the answer; all of them if None.
        maxIters: Iterations of the minimiser at most. RDKit's 200 leave most drugs unconverged.
        numThreads: Processes at most; 0: all cores, -n: all but n. They are only started where they save time;
            a `Potential` of a script's own works in this process alone. The results do not depend on it.
        restraint: Force constant k of k |x - start|^2 on every heavy atom, kcal/mol/angstrom^2. 0: none.
        fixedAtoms: Indices of atoms that do not move at all.
        timeout: Seconds after which no further conformer is begun; 0: no limit.
        progress: Show a progress bar.

    Returns:
        (not_converged, energy) of each conformer: 0 converged, 1 not within `maxIters`, -1 not refined, its energy
        NaN then. Energies are in kcal/mol, without restraints.

    Raises:
        TypeError: `mol` is not a molecule, `method` neither a name nor a potential, or an atom no index.
        ValueError: There is no such method, conformer or atom, a number is out of range, hydrogens are missing.
        ImportError: The method's engine is not installed; the message has the install line.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMolecule(mol, numConfs=5)
        >>> all(not_converged == 0 for not_converged, _ in RefineConformers(mol))
        True
    """
    report = RefineWithReport(
        mol,
        method,
        confIds,
        maxIters=maxIters,
        numThreads=numThreads,
        restraint=restraint,
        fixedAtoms=fixedAtoms,
        timeout=timeout,
        progress=progress,
    )
    if report.problems:
        rdBase.LogWarningMsg(report.summary())
    return report.results


def RefineWithReport(
    mol: Chem.Mol,
    method: str | Potential = "MMFF94s",
    confIds: Sequence[int] | None = None,
    *,
    maxIters: int = MAX_ITERS,
    numThreads: int = 1,
    restraint: float = 0.0,
    fixedAtoms: Iterable[int] = (),
    timeout: float = 0,
    progress: bool = False,
) -> RefineReport:
    """`RefineConformers` with a report: what was not refined and why, what to know of the energies, seconds.

    Args:
        mol: As in `RefineConformers`, and so are all others.
        method: As there.
        confIds: As there.
        maxIters: As there.
        numThreads: As there.
        restraint: As there.
        fixedAtoms: As there.
        timeout: As there.
        progress: As there.

    Returns:
        The report; its `results` are what `RefineConformers` answers.

    Raises:
        The errors of `RefineConformers`.

    Example:
        >>> boronic = Chem.AddHs(Chem.MolFromSmiles("OB(O)c1ccccc1"))
        >>> ids = EmbedMultipleConfs(boronic, 1, fallback="ETKDGv3", randomSeed=1)
        >>> report = RefineWithReport(boronic, "MMFF94s")
        >>> report.problems, report.messages
        ([(0, 'UNTREATABLE')], ['MMFF94s has no parameters for atoms 1 (B)'])
    """
    start = time.monotonic()
    conformers, potential = chosen_conformers(mol, confIds), potential_of(method)
    refuse_unfinished(mol, conformers)
    terms = _terms(mol, maxIters, fixedAtoms, restraint)
    _check_timeout(timeout)
    report = RefineReport(potential.name, [conformer.GetId() for conformer in conformers])
    outcomes: dict[int, Minimised] = {}
    obstacle = potential.obstacle(mol)
    if obstacle is not None:
        report.messages.append(obstacle)
    else:
        engine, threads = Engine(potential, Chem.Mol(mol, True)), count_threads(numThreads)
        relaxed = relax(
            engine,
            positions(conformers),
            terms,
            first_of(bonds_lost(Connectivity.of(mol)), stereo_lost(stereo_labels(mol))),
            threads,
            Deadline.after(timeout),
        )
        for k, outcome in tqdm(relaxed, total=len(conformers), unit="conf", disable=not progress):
            keep(conformers[k], outcome, potential.name)
            outcomes[k] = outcome
        report.notes += engine.surface.notes
    unreached = FailureCause.EXCEEDED_TIMEOUT if obstacle is None else FailureCause.UNTREATABLE
    for k, conformer in enumerate(conformers):
        _record(report, conformer, outcomes.get(k), unreached)
    report.seconds = time.monotonic() - start
    return report


def keep(conformer: Conformer, outcome: Minimised, method: str) -> None:
    """Write an outcome to the conformer that it is of; where there was a problem only that."""
    if outcome.problem:
        conformer.SetProp("ebd_refine_problem", outcome.problem)
        return
    place(conformer, outcome.coords)
    conformer.ClearProp("ebd_refine_problem")
    set_provenance(
        conformer,
        # that these are not the model's own conformers stays worth knowing
        stage="fallback" if get_provenance(conformer).get("ebd_stage") == "fallback" else "refined",
        refined=method,
        converged=outcome.converged,
        energy=outcome.energy,
        energy_method=method,
    )


def _record(report: RefineReport, conformer: Conformer, outcome: Minimised | None, reason: FailureCause) -> None:
    """Put what became of a conformer into the report; the reason is that of one which was not reached."""
    if outcome is None:
        conformer.SetProp("ebd_refine_problem", reason)
    problem = reason if outcome is None else outcome.problem
    if problem is not None:
        report.problems.append((conformer.GetId(), problem))
    report.results.append(
        (int(not outcome.converged), outcome.energy) if outcome is not None and problem is None else FAILED
    )


def _terms(mol: Chem.Mol, max_iters: int, fixed: Iterable[int], restraint: float) -> Terms:
    if max_iters < 1:
        raise ValueError(f"maxIters must be at least 1, not {max_iters}")
    if not 0 <= restraint < math.inf:
        raise ValueError(f"restraint must be a finite force constant of at least 0, not {restraint}")
    atoms = tuple(sorted({_index(i) for i in fixed}))
    strangers = [i for i in atoms if not 0 <= i < mol.GetNumAtoms()]
    if strangers:
        raise ValueError(f"fixedAtoms names atoms {strangers}, but the molecule has {mol.GetNumAtoms()} (0 to n - 1)")
    return Terms(int(max_iters), atoms, float(restraint))


def _index(atom: object) -> int:
    try:
        return operator.index(atom)  # type: ignore[arg-type]  # which is what it finds out
    except TypeError:
        raise TypeError(f"fixedAtoms must be indices of atoms, not {atom!r}") from None


def _check_timeout(timeout: float) -> None:
    if not 0 <= timeout < math.inf:
        raise ValueError(f"timeout must be a number of seconds of at least 0, not {timeout}")
