"""What is known of a conformer before it is written? Coordinates, where they came from, what was done with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rdkit_ebd.report import FailureCause


@dataclass(frozen=True)
class ConformerDraft:
    """A conformer on its way into the molecule.

    Attributes:
        index: Which of those asked for.
        coords: (N, 3) angstrom, all hydrogens included.
        attempt: The attempt that made it.
        stage: One of `provenance.STAGES`.
        refined: Method that relaxed it; None where none did.
        converged: Whether that reached its minimum.
        refine_problem: Why it was to be relaxed and is as it was before.
        energy: kcal/mol; NaN where it is not known.
        energy_method: That of the energy; None where it is not known.
    """

    index: int
    coords: np.ndarray
    attempt: int
    stage: str
    refined: str | None = None
    converged: bool | None = None
    refine_problem: FailureCause | None = None
    energy: float = np.nan
    energy_method: str | None = None

    @property
    def scored(self) -> bool:
        """Whether its energy is known."""
        return self.energy_method is not None

    def provenance(self) -> dict[str, Any]:
        """Everything that is written with it; None where there is nothing to say."""
        return {
            "index": self.index,
            "attempt": self.attempt,
            "stage": self.stage,
            "refined": self.refined,
            "converged": self.converged,
            "refine_problem": self.refine_problem,
            "energy": self.energy if self.scored else None,
            "energy_method": self.energy_method,
        }
