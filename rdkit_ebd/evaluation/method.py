"""What is a way to make conformers, and what does it say of a molecule?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field

from rdkit import Chem

LONGEST = 300  # seconds of embedding per molecule, for a method that names no timeout of its own


@dataclass
class Embedding:
    """What a method says of one molecule.

    Attributes:
        indices: Which of the conformers asked for are in the molecule, in its order.
        failures: Causes and how often each was met, also where a later attempt went well.
        dropped: Conformers made and left out for being near another, or above an energy window.
        before_gate: Shares among all that was generated, where the method judges and retries before it answers.
        problem: Why there is nothing at all; empty otherwise.
        stages: Seconds by stage, where the method reports them.
    """

    indices: list[int] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    before_gate: dict[str, float] = field(default_factory=dict)
    problem: str = ""
    stages: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Method(ABC):
    """A way to make conformers.

    Attributes:
        name: As asked for.
        identity: The name with the versions and weights behind it: what a stored result stands for.
        minimised: Whether MMFF94s follows.
        threads: CPU threads of the embedding and of the minimiser; torch's are the process's own.
    """

    name: str
    identity: str
    minimised: bool
    threads: int = field(default=1, kw_only=True)

    @abstractmethod
    def embed(self, mol: Chem.Mol, count: int, seed: int) -> Embedding:
        """Write `count` conformers into `mol`; the first of them are those that fewer would be, where possible."""
