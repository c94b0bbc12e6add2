"""Which of the conformers made are written? Relaxed, judged again, scored, within the window, unlike the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.embedding.attempts import CHIRAL_CAUSES
from rdkit_ebd.ensemble.energy_runner import Engine, potential_of
from rdkit_ebd.ensemble.minimise import TIMEOUT, UNTREATABLE, Outcome, Terms, checks_lost, energies, relax
from rdkit_ebd.ensemble.prune import keep_diverse, most_diverse
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport, causes_in_words

MOST_MAPPINGS = 100  # where every conformer is compared with every other


@dataclass(frozen=True)
class Candidate:
    """A conformer on its way into the molecule.

    Attributes:
        index: Which of those asked for.
        coords: (N, 3) angstrom, all hydrogens included.
        origin: Its provenance, energies apart.
        energy: kcal/mol; NaN where it is not known.
        method: That of the energy; "" where it is not known.
    """

    index: int
    coords: np.ndarray
    origin: dict[str, Any]
    energy: float = np.nan
    method: str = ""

    def provenance(self) -> dict[str, Any]:
        """Everything that is written with it."""
        known = {"energy": self.energy, "energy_method": self.method} if self.method else {}
        return {"index": self.index, **self.origin, **known}


@dataclass
class Finish:
    """What is done with the conformers of one molecule once they are made.

    Attributes:
        mol: With all hydrogens.
        params: Of the embedding.
        deadline: Of `time.monotonic()`; nothing is begun after it.
        report: Counts and messages go there.
        engines: By method; in place of an engine what stands in its way.
    """

    mol: Chem.Mol
    params: EBD
    deadline: float | None
    report: EmbedReport
    engines: dict[str, Engine | str] = field(init=False)

    def __post_init__(self) -> None:
        """Look at the methods before there is any work.

        Raises:
            ImportError: An engine is not installed.
        """
        methods = {self.params.refine, self.params.energy_method} - {None}
        self.engines = {method: _engine(method, self.mol) for method in methods if method is not None}

    def refined(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates, relaxed where that leaves them believable, and as they were where it does not."""
        method = self.params.refine
        if method is None or not candidates:
            return list(candidates)
        engine = self.engines[method]
        if isinstance(engine, str):
            self.report.messages.append(f"not refined with {method}: {engine}")
            return [self._unrefined(c, UNTREATABLE) for c in candidates]
        outcomes = self._relax(engine, [c.coords for c in candidates])
        found = [self._taken(c, outcomes.get(k), engine.potential.name) for k, c in enumerate(candidates)]
        self._tell_of_refinement(len(candidates), outcomes)
        self._note(engine)
        return found

    def scored(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates with energies of one method, as far as there are any."""
        method = self.params.energy_method
        if method is None or not candidates:
            return list(candidates)
        engine = self.engines[method]
        if isinstance(engine, str):
            self.report.messages += [f"not scored with {method}: {engine}"] * (method != self.params.refine)
            return [replace(c, energy=np.nan, method="") for c in candidates]
        name = engine.potential.name
        found = [c if c.method == name else replace(c, energy=np.nan, method="") for c in candidates]
        todo = [k for k, c in enumerate(found) if not c.method]
        coords = [found[k].coords for k in todo]
        for place, energy in energies(engine, coords, self.params.threads(), self.deadline):
            if np.isfinite(energy):
                found[todo[place]] = replace(found[todo[place]], energy=energy, method=name)
        self._note(engine)
        without = sum(not c.method for c in found)
        self.report.messages += [f"{without} of {len(found)} conformers have no {name} energy"] * bool(without)
        return found

    def within_window(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those not known to lie above the lowest by more than the window; the others are counted."""
        window = self.params.energyWindow
        if window is None:
            return list(candidates)
        limit = min((c.energy for c in candidates if c.method), default=np.nan) + window
        kept = [c for c in candidates if not c.energy > limit]
        self.report.above_window += len(candidates) - len(kept)
        return kept

    def diverse(self, candidates: Sequence[Candidate], mol: Chem.Mol) -> list[Candidate]:
        """Those unlike all that have precedence, which is the lower energy, or else the lower index.

        Args:
            candidates: In the order of their indices, and so is the answer.
            mol: The molecule they are written into, which may lack hydrogens.
        """
        threshold, atoms = self.params.pruneRmsThresh, mol.GetNumAtoms()
        if threshold <= 0 or len(candidates) < 2:
            return list(candidates)
        mappings = symmetry_mappings(mol, self.params.onlyHeavyAtomsForRMS, self.params.useSymmetryForPruning)
        order = np.argsort([c.energy for c in candidates], kind="stable")  # NaN comes last
        rows = keep_diverse(np.stack([candidates[k].coords[:atoms] for k in order]), mappings, threshold)
        self.report.pruned += len(candidates) - len(rows)
        return [candidates[k] for k in sorted(order[rows].tolist())]

    def chosen(self, candidates: Sequence[Candidate], count: int, mol: Chem.Mol) -> list[Candidate]:
        """So many of them, as unlike each other as can be.

        Where there are energies, those highest up are out of the question: half as many as there are too many.

        Args:
            candidates: In the order of their indices, and so is the answer.
            count: Conformers wanted.
            mol: As in `diverse`.
        """
        surplus = len(candidates) - count
        if surplus <= 0:
            return list(candidates)
        self.report.surplus += surplus
        if not count:
            return []
        order = np.argsort([c.energy for c in candidates], kind="stable")
        if any(c.method for c in candidates):
            order = order[: len(candidates) - surplus // 2]
        mappings = symmetry_mappings(
            mol, self.params.onlyHeavyAtomsForRMS, self.params.useSymmetryForPruning, MOST_MAPPINGS
        )
        rows = most_diverse(np.stack([candidates[k].coords[: mol.GetNumAtoms()] for k in order]), mappings, count)
        return [candidates[k] for k in sorted(order[rows].tolist())]

    def _relax(self, engine: Engine, starts: list[np.ndarray]) -> dict[int, Outcome]:
        excused = () if self.params.enforceChirality else CHIRAL_CAUSES
        verdict = checks_lost(check_tables(self.mol), excused)
        terms = Terms(fixed=tuple(sorted(self.params.coordMap)))
        return dict(relax(engine, starts, terms, verdict, self.params.threads(), self.deadline))

    def _taken(self, candidate: Candidate, outcome: Outcome | None, name: str) -> Candidate:
        if outcome is None or outcome.problem:
            return self._unrefined(candidate, TIMEOUT if outcome is None else outcome.problem)
        self.report.refined += 1
        # that these are not the model's own conformers stays worth knowing
        stage = "fallback" if candidate.origin["stage"] == "fallback" else "refined"
        origin = {**candidate.origin, "stage": stage, "refined": name, "converged": outcome.converged}
        return replace(candidate, coords=outcome.coords, origin=origin, energy=outcome.energy, method=name)

    def _unrefined(self, candidate: Candidate, problem: str) -> Candidate:
        self.report.unrefined.append((candidate.index, problem))
        return replace(candidate, origin={**candidate.origin, "refine_problem": problem})

    def _note(self, engine: Engine) -> None:
        self.report.notes += [note for note in engine.surface.notes if note not in self.report.notes]

    def _tell_of_refinement(self, count: int, outcomes: dict[int, Outcome]) -> None:
        if self.report.unrefined:
            causes = causes_in_words(self.report.unrefined)
            self.report.messages.append(f"{len(self.report.unrefined)} of {count} conformers not refined{causes}")
        slow = sum(not outcome.converged and not outcome.problem for outcome in outcomes.values())
        self.report.messages += [f"{slow} of {count} conformers refined, but not to convergence"] * bool(slow)


def _engine(method: str, mol: Chem.Mol) -> Engine | str:
    potential = potential_of(method)
    return potential.obstacle(mol) or Engine(potential, mol)
