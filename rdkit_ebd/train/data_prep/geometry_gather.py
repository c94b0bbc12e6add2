"""What does each molecule of the reference sets say of each environment in it? Extremes of what is measured there."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from rdkit_ebd.data.record import Record
from rdkit_ebd.judge.environments import Environments, Names
from rdkit_ebd.judge.measures import angles_of, heights_of, lengths_of, twists_of

KINDS = ("bonds", "angles", "twists", "heights")


@dataclass
class Gathered:
    """Extremes, by kind and name of environment, one of each molecule that has it.

    Attributes:
        lows: The least of a molecule; of contacts too.
        highs: The greatest of a molecule; none of contacts.
        wider: The next wider name of each.
        atoms: In how many molecules each kind of atom is.
    """

    lows: dict[str, dict[str, array]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(_floats)))
    highs: dict[str, dict[str, array]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(_floats)))
    wider: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    atoms: Counter[str] = field(default_factory=Counter)

    def take(self, records: Iterable[Record]) -> None:
        """Add what molecules say, those without conformers left out."""
        for record in records:
            if len(record.coords):
                self._take(record)

    def supplement(self, other: Gathered, enough: int, slack: Mapping[str, float]) -> None:
        """Add what another method says of environments that are in fewer molecules than enough.

        Args:
            other: Of that method.
            enough: Molecules.
            slack: By kind, what the method may be off by.
        """
        self.atoms.update(other.atoms)
        for kind, lows in other.lows.items():
            self.wider[kind] = {**other.wider[kind], **self.wider[kind]}
            for name, values in lows.items():
                if len(self.lows[kind][name]) < enough:
                    self.lows[kind][name].extend(value - slack[kind] for value in values)
                    if kind in other.highs:
                        self.highs[kind][name].extend(value + slack[kind] for value in other.highs[kind][name])

    def _take(self, record: Record) -> None:
        environments, x = Environments(record.mol), record.coords.astype(np.float64)
        self.atoms.update(set(environments.atoms))
        for kind, measure in zip(KINDS, (lengths_of, angles_of, twists_of, heights_of), strict=True):
            terms = getattr(environments, kind)()
            if len(terms.atoms):
                values = measure(x, terms.atoms)
                self._add(kind, terms.names, values.min(0), values.max(0))
        codes, names = environments.contacts()
        pairs = np.argwhere(np.triu(codes, 1) >= 0)
        pairs = pairs[codes[pairs[:, 0], pairs[:, 1]] >= 0]
        if len(pairs):
            nearest = lengths_of(x, pairs).min(0)
            for code in np.unique(codes[pairs[:, 0], pairs[:, 1]]).tolist():
                rows = codes[pairs[:, 0], pairs[:, 1]] == code
                self.lows["contacts"][names[code]].append(float(nearest[rows].min()))

    def _add(self, kind: str, names: list[Names], low: np.ndarray, high: np.ndarray) -> None:
        least: dict[str, float] = {}
        most: dict[str, float] = {}
        for row, levels in enumerate(names):
            for name in levels:
                least[name] = min(least.get(name, np.inf), float(low[row]))
                most[name] = max(most.get(name, -np.inf), float(high[row]))
            self.wider[kind].update(pairwise(levels))
        for name in least:
            self.lows[kind][name].append(least[name])
            self.highs[kind][name].append(most[name])


def _floats() -> array:
    return array("f")
