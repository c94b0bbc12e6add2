"""What happened, and why? Counts, causes and times of an embedding."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rdkit.Chem import rdDistGeom

from rdkit_ebd.report.failure_causes import FailureCause, advice_on
from rdkit_ebd.report.listening import tell
from rdkit_ebd.report.tabular import Tabular

CAUSES: tuple[str, ...] = tuple(cause.name for _, cause in sorted(rdDistGeom.EmbedFailureCauses.values.items()))
"""RDKit's names for what can go wrong in distance geometry, in RDKit's order."""


@dataclass
class EmbedReport(Tabular):
    """The outcome of one embedding, or of several that were merged.

    `to_frame()` and `to_csv(path)` give it as a table of one row; a `LibraryReport` has a row for each molecule.

    Attributes:
        requested: Conformers asked for.
        ids: Ids of the conformers written.
        attempts: Conformers tried, retries included.
        failures: How often each cause was met, also where a later attempt went well. What the coarse stage met has
            RDKit's names (`CAUSES`), what came later those of `FailureCause`, such as "CENTRE_INVERTED".
        failed: (index, last cause) of each conformer that could not be made; causes are of `FailureCause`.
        faults: What was wrong with each of them that was made and rejected, by index, such as "CLASH: C12...H31 1.52 A,
            at least 1.90".
        mended: Conformers that were a little off, and were pulled to what is usual; `failures` counts what was off.
        pruned: Conformers that were made and dropped, for being near another.
        above_window: Conformers that were made and dropped, for lying too far above the lowest energy.
        surplus: Conformers made and dropped, for more were made than asked for (`EBD.overSample`).
        refined: Conformers made that were relaxed.
        unrefined: (index, cause) of each conformer made that was to be relaxed and stays as it was; causes are of
            `FailureCause`.
        stereo_judged: Deblurred conformers whose written stereo was looked at; 0 where none is written.
        stereo_right: Those of them that showed it before the gate.
        seconds: Time spent, by stage.
        notes: What a reader of the energies should know, such as where charges came from.
        messages: What a reader should know beyond the counts.
        undefined_stereo: Which stereochemistry the molecule leaves open, and how many stereoisomers its conformers are
            of; empty where there is but one.

    Example:
        >>> germane = Chem.AddHs(Chem.MolFromSmiles("C[Ge](C)(C)CCO"))
        >>> report = EmbedMolecules([germane], 2, workers=0).reports[0]
        >>> report.ok, report.failed
        (False, [(0, 'UNSUPPORTED'), (1, 'UNSUPPORTED')])
        >>> print(report.advice[0])
        UNSUPPORTED: the model was not made for this molecule; set fallback='ETKDGv3' to get RDKit's conformers ...
    """

    columns: ClassVar[Sequence[str]] = (
        "requested",
        "conformers",
        "pruned",
        "above_window",
        "failed",
        "causes",
        "attempts",
        "mended",
        "stereo_yield",
        "undefined_stereo",
        "messages",
        "seconds",
    )

    requested: int = 0
    ids: list[int] = field(default_factory=list)
    attempts: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[int, FailureCause]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    mended: int = 0
    pruned: int = 0
    above_window: int = 0
    surplus: int = 0
    refined: int = 0
    unrefined: list[tuple[int, FailureCause]] = field(default_factory=list)
    stereo_judged: int = 0
    stereo_right: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    undefined_stereo: str = ""

    @property
    def missing(self) -> int:
        """Conformers asked for that were neither written nor dropped for what they are."""
        return max(0, self.requested - len(self.ids) - self.pruned - self.above_window)

    @property
    def ok(self) -> bool:
        """Whether all that was asked for was made."""
        return self.missing == 0

    @property
    def stereo_yield(self) -> float | None:
        """Fraction of the judged conformers with the written stereo before the gate; None where none is written."""
        return self.stereo_right / self.stereo_judged if self.stereo_judged else None

    def GetFailureCounts(self) -> list[int]:
        """Counts in the order of RDKit's EmbedFailureCauses, as EmbedParameters.GetFailureCounts() gives them.

        Causes that RDKit has no name for are in `failures` alone.
        """
        return [self.failures[cause] for cause in CAUSES]

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of a `with` block to a stage, also where the block raises; whoever listens hears of it."""
        tell(stage)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

    def merge(self, other: EmbedReport) -> None:
        """Add another report to this one; seconds are added too, also where the two ran side by side."""
        dropped, judged = ("pruned", "above_window", "surplus"), ("stereo_judged", "stereo_right")
        for name in ("requested", "attempts", *dropped, "refined", "mended", *judged):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("ids", "failed", "unrefined", "notes", "messages"):
            getattr(self, name).extend(getattr(other, name))
        self.failures = self.failures + other.failures
        self.faults |= other.faults
        for stage, seconds in other.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @property
    def advice(self) -> list[str]:
        """What each cause of a conformer that failed means and what to try, a line per cause."""
        missed = [] if self.ok else advice_on(cause for _, cause in self.failed)
        return missed + advice_on((cause for _, cause in self.unrefined), refinement=True)

    def summary(self) -> str:
        """One line, such as `18 of 20 conformers in 0.41 s (2 failed: CLASH 2); stereo yield 98.7 %`, with advice."""
        parts = [self._counts()]
        if self.attempts > self.requested:
            parts.append(f"{self.attempts} attempts")
        if self.stereo_yield is not None:
            parts.append(f"stereo yield {100 * self.stereo_yield:.1f} %")
        if self.undefined_stereo:
            parts.append(self.undefined_stereo)
        return "; ".join([*parts, *self.messages, *self._example(), *self.advice])

    def _example(self) -> list[str]:
        """One of the faults, where conformers are missing."""
        return [] if self.ok or not self.faults else [f"such as {next(iter(self.faults.values()))}"]

    def _counts(self) -> str:
        lost = []
        if self.pruned:
            lost.append(f"{self.pruned} pruned")
        if self.above_window:
            lost.append(f"{self.above_window} above the energy window")
        if not self.ok:
            lost.append(f"{self.missing} failed{causes_in_words(self.failed)}")
        line = f"{len(self.ids)} of {self.requested} conformers in {sum(self.seconds.values()):.2f} s"
        return f"{line} ({', '.join(lost)})" if lost else line

    def rows(self) -> list[dict[str, Any]]:
        """One row: counts, causes such as "CLASH 2, NO_SEED 1", messages, seconds in all."""
        counts = {"requested": self.requested, "conformers": len(self.ids), "pruned": self.pruned}
        return [
            {
                **counts,
                "above_window": self.above_window,
                "failed": self.missing,
                "causes": "" if self.ok else causes_in_words(self.failed).removeprefix(": "),
                "attempts": self.attempts,
                "mended": self.mended,
                "stereo_yield": self.stereo_yield,
                "undefined_stereo": self.undefined_stereo,
                "messages": "; ".join(self.messages),
                "seconds": round(sum(self.seconds.values()), 3),
            }
        ]

    def to_dict(self) -> dict[str, Any]:
        """Every field, `ok`, `stereo_yield` and `advice`, as JSON takes them."""
        return {
            **vars(self),
            "ids": list(self.ids),
            "failures": dict(self.failures),
            "faults": {str(index): fault for index, fault in self.faults.items()},
            "failed": [list(pair) for pair in self.failed],
            "unrefined": [list(pair) for pair in self.unrefined],
            "seconds": dict(self.seconds),
            "notes": list(self.notes),
            "messages": list(self.messages),
            "ok": self.ok,
            "stereo_yield": self.stereo_yield,
            "advice": self.advice,
        }


def causes_in_words(pairs: Iterable[tuple[int, str]]) -> str:
    """Such as ": CLASH 2, NO_SEED 1"; empty where there are none."""
    causes = ", ".join(f"{cause} {n}" for cause, n in Counter(cause for _, cause in pairs).most_common())
    return f": {causes}" if causes else ""
