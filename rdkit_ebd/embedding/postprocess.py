"""Which of the conformers made are written? Relaxed, judged again, scored, within the window, unlike the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.embedding.attempts import CHIRAL_CAUSES
from rdkit_ebd.embedding.draft import ConformerDraft
from rdkit_ebd.ensemble.energy_runner import Engine, potential_of
from rdkit_ebd.ensemble.minimise import Minimised, Terms, bonds_lost, checks_lost, energies, first_of, relax
from rdkit_ebd.ensemble.prune import keep_diverse, most_diverse
from rdkit_ebd.judge.connectivity import Connectivity
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport, FailureCause, causes_in_words
from rdkit_ebd.runtime.deadline import Deadline

MOST_MAPPINGS = 100  # where every conformer is compared with every other


@dataclass
class Finish:
    """What is done with the conformers of one molecule once they are made.

    Attributes:
        mol: With all hydrogens.
        params: Of the embedding.
        deadline: Nothing is begun after it.
        report: Counts and messages go there.
        engines: By method; in place of an engine what stands in its way.
    """

    mol: Chem.Mol
    params: EBD
    deadline: Deadline
    report: EmbedReport
    engines: dict[str, Engine | str] = field(init=False)

    def __post_init__(self) -> None:
        """Look at the methods before there is any work.

        Raises:
            ImportError: An engine is not installed.
        """
        methods = {self.params.refine, self.params.energy_method} - {None}
        self.engines = {method: _engine(method, self.mol) for method in methods if method is not None}

    def refined(self, drafts: Sequence[ConformerDraft]) -> list[ConformerDraft]:
        """The conformers, relaxed where that leaves them believable, and as they were where it does not."""
        method = self.params.refine
        if method is None or not drafts:
            return list(drafts)
        engine = self.engines[method]
        if isinstance(engine, str):
            self.report.messages.append(f"not refined with {method}: {engine}")
            return [self._unrefined(c, FailureCause.UNTREATABLE) for c in drafts]
        outcomes = self._relax(engine, [c.coords for c in drafts])
        found = [self._taken(c, outcomes.get(k), engine.potential.name) for k, c in enumerate(drafts)]
        self._report_refinement(len(drafts), outcomes)
        self._note(engine)
        return found

    def scored(self, drafts: Sequence[ConformerDraft]) -> list[ConformerDraft]:
        """The conformers with energies of one method, as far as there are any."""
        method = self.params.energy_method
        if method is None or not drafts:
            return list(drafts)
        engine = self.engines[method]
        if isinstance(engine, str):
            if method != self.params.refine:  # of which it was said already
                self.report.messages.append(f"not scored with {method}: {engine}")
            return [replace(c, energy=np.nan, energy_method=None) for c in drafts]
        name = engine.potential.name
        found = [c if c.energy_method == name else replace(c, energy=np.nan, energy_method=None) for c in drafts]
        todo = [k for k, c in enumerate(found) if not c.scored]
        coords = [found[k].coords for k in todo]
        for place, energy in energies(engine, coords, self.params.threads(), self.deadline):
            if np.isfinite(energy):
                found[todo[place]] = replace(found[todo[place]], energy=energy, energy_method=name)
        self._note(engine)
        without = sum(not c.scored for c in found)
        if without:
            self.report.messages.append(f"{without} of {len(found)} conformers have no {name} energy")
        return found

    def within_window(self, drafts: Sequence[ConformerDraft]) -> list[ConformerDraft]:
        """Those not known to lie above the lowest by more than the window; the others are counted."""
        window = self.params.energyWindow
        if window is None:
            return list(drafts)
        limit = min((c.energy for c in drafts if c.scored), default=np.nan) + window
        kept = [c for c in drafts if not c.energy > limit]
        self.report.above_window += len(drafts) - len(kept)
        return kept

    def diverse(self, drafts: Sequence[ConformerDraft], mol: Chem.Mol) -> list[ConformerDraft]:
        """Those unlike all that have precedence, which is the lower energy, or else the lower index.

        Args:
            drafts: In the order of their indices, and so is the answer.
            mol: The molecule they are written into, which may lack hydrogens.
        """
        threshold, atoms = self.params.pruneRmsThresh, mol.GetNumAtoms()
        if threshold <= 0 or len(drafts) < 2:
            return list(drafts)
        mappings = symmetry_mappings(mol, self.params.onlyHeavyAtomsForRMS, self.params.useSymmetryForPruning)
        order = np.argsort([c.energy for c in drafts], kind="stable")  # NaN comes last
        rows = keep_diverse(np.stack([drafts[k].coords[:atoms] for k in order]), mappings, threshold)
        self.report.pruned += len(drafts) - len(rows)
        return [drafts[k] for k in sorted(order[rows].tolist())]

    def chosen(self, drafts: Sequence[ConformerDraft], count: int, mol: Chem.Mol) -> list[ConformerDraft]:
        """So many of them, as unlike each other as can be.

        Where there are energies, those highest up are out of the question: half as many as there are too many.

        Args:
            drafts: In the order of their indices, and so is the answer.
            count: Conformers wanted.
            mol: As in `diverse`.
        """
        surplus = len(drafts) - count
        if surplus <= 0:
            return list(drafts)
        self.report.surplus += surplus
        if not count:
            return []
        order = np.argsort([c.energy for c in drafts], kind="stable")
        if any(c.scored for c in drafts):
            order = order[: len(drafts) - surplus // 2]
        mappings = symmetry_mappings(
            mol, self.params.onlyHeavyAtomsForRMS, self.params.useSymmetryForPruning, MOST_MAPPINGS
        )
        rows = most_diverse(np.stack([drafts[k].coords[: mol.GetNumAtoms()] for k in order]), mappings, count)
        return [drafts[k] for k in sorted(order[rows].tolist())]

    def _relax(self, engine: Engine, starts: list[np.ndarray]) -> dict[int, Minimised]:
        excused = () if self.params.enforceChirality else CHIRAL_CAUSES
        verdict = first_of(bonds_lost(Connectivity.of(self.mol)), checks_lost(check_tables(self.mol), excused))
        terms = Terms(fixed=tuple(sorted(self.params.coordMap)))
        return dict(relax(engine, starts, terms, verdict, self.params.threads(), self.deadline))

    def _taken(self, draft: ConformerDraft, minimised: Minimised | None, name: str) -> ConformerDraft:
        if minimised is None:
            return self._unrefined(draft, FailureCause.EXCEEDED_TIMEOUT)
        if minimised.problem is not None:
            return self._unrefined(draft, minimised.problem)
        self.report.refined += 1
        # that these are not the model's own conformers stays worth knowing
        stage = "fallback" if draft.stage == "fallback" else "refined"
        return replace(
            draft,
            coords=minimised.coords,
            stage=stage,
            refined=name,
            converged=minimised.converged,
            energy=minimised.energy,
            energy_method=name,
        )

    def _unrefined(self, draft: ConformerDraft, problem: FailureCause) -> ConformerDraft:
        self.report.unrefined.append((draft.index, problem))
        return replace(draft, refine_problem=problem)

    def _note(self, engine: Engine) -> None:
        self.report.notes += [note for note in engine.surface.notes if note not in self.report.notes]

    def _report_refinement(self, count: int, outcomes: dict[int, Minimised]) -> None:
        if self.report.unrefined:
            causes = causes_in_words(self.report.unrefined)
            self.report.messages.append(f"{len(self.report.unrefined)} of {count} conformers not refined{causes}")
        slow = sum(not outcome.converged and not outcome.problem for outcome in outcomes.values())
        if slow:
            self.report.messages.append(f"{slow} of {count} conformers refined, but not to convergence")


def _engine(method: str, mol: Chem.Mol) -> Engine | str:
    potential = potential_of(method)
    return potential.obstacle(mol) or Engine(potential, mol)
