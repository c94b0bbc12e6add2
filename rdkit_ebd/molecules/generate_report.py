"""What came of drawing molecules? They, how many made no molecule and why, and what their ensembles say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rdkit import Chem

from rdkit_ebd.ensemble.rank import Ranking
from rdkit_ebd.molecules.decode import InvalidCause
from rdkit_ebd.report.tabular import Tabular


@dataclass(frozen=True)
class Ensemble:
    """How a generated molecule's own pose lies to the conformers that EBD makes of it.

    Attributes:
        mol: The molecule with the conformers that EBD made.
        ranking: Of them, lowest energy first.
        nearest: Heavy-atom RMSD of the generated pose to the nearest of them, angstrom.
        lowest: To the one of lowest energy.
        problem: Why there is no ensemble; empty where there is.
    """

    mol: Chem.Mol | None = None
    ranking: Ranking | None = None
    nearest: float = float("nan")
    lowest: float = float("nan")
    problem: str = ""


@dataclass(frozen=True)
class Generated:
    """What came of one number.

    Attributes:
        index: Which of the molecules asked for, from 0.
        mol: The molecule with one conformer; where it is invalid, its atoms as far as bonds were found.
        cause: Why it is no molecule; None where it is one.
        ensemble: Where an ensemble was asked for.

    Example:
        >>> [one] = StreamGenerated(1, randomSeed=7)
        >>> one.ok == (one.cause is None)
        True
    """

    index: int
    mol: Chem.Mol
    cause: InvalidCause | None = None
    ensemble: Ensemble | None = None

    @property
    def ok(self) -> bool:
        """Whether it is a molecule."""
        return self.cause is None


@dataclass
class GenerateReport(Tabular):
    """The outcome of `GenerateMolecules`.

    Attributes:
        requested: Molecules asked for.
        mols: The valid ones, in the order of their indices.
        indices: Their indices.
        failed: (index, cause) of each that is no molecule.
        invalid: The atoms of those, where they were to be kept.
        ensembles: Of each valid one, where they were asked for.
        seconds: Time spent.

    Example:
        >>> report = GenerateMolecules(3, randomSeed=7)
        >>> [row["index"] for row in report.rows()]
        [0, 1, 2]
    """

    columns: ClassVar[Sequence[str]] = ("index", "ok", "smiles", "cause", "conformers", "nearest", "lowest")

    requested: int = 0
    mols: list[Chem.Mol] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    failed: list[tuple[int, InvalidCause]] = field(default_factory=list)
    invalid: list[Chem.Mol] = field(default_factory=list)
    ensembles: list[Ensemble] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failures(self) -> Counter[str]:
        """How often each cause was met."""
        return Counter(cause.name for _, cause in self.failed)

    @property
    def ok(self) -> bool:
        """Whether all that were asked for are molecules."""
        return len(self.mols) == self.requested

    def add(self, generated: Generated, keep_invalid: bool) -> None:
        """Count one.

        Args:
            generated: What came of a number.
            keep_invalid: Whether its atoms are kept where it is no molecule.
        """
        if generated.cause is None:
            self.mols.append(generated.mol)
            self.indices.append(generated.index)
            if generated.ensemble is not None:
                self.ensembles.append(generated.ensemble)
        else:
            self.failed.append((generated.index, generated.cause))
            if keep_invalid:
                self.invalid.append(generated.mol)

    def summary(self) -> str:
        """One line, such as `93 of 100 molecules in 6.1 s (7 invalid: DISCONNECTED 4, VALENCE 3)`."""
        line = f"{len(self.mols)} of {self.requested} molecules in {self.seconds:.1f} s"
        causes = ", ".join(f"{cause} {count}" for cause, count in self.failures.most_common())
        return f"{line} ({len(self.failed)} invalid: {causes})" if causes else line

    def rows(self) -> list[dict[str, Any]]:
        """A row for each molecule asked for, by index."""
        rows: list[dict[str, Any]] = [
            {"index": index, "ok": False, "cause": cause.name} for index, cause in self.failed
        ]
        for place, (index, mol) in enumerate(zip(self.indices, self.mols, strict=True)):
            row: dict[str, Any] = {"index": index, "ok": True, "smiles": Chem.MolToSmiles(Chem.RemoveHs(mol))}
            if self.ensembles:
                of = self.ensembles[place]
                made = 0 if of.ranking is None else len(of.ranking.ids)
                row |= {"conformers": made, "nearest": of.nearest, "lowest": of.lowest}
            rows.append(row)
        empty: dict[str, Any] = dict.fromkeys(self.columns)
        return [empty | row for row in sorted(rows, key=lambda row: row["index"])]
