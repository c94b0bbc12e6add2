"""How often is each angle met about a bond? Histograms of reference ensembles, by the surroundings of the bond.

The table is made by `rdkit-ebd train torsion-library`. Angles of a mirror image are as frequent, so that a histogram
holds those from 0 to 180 degrees.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

import numpy as np

TABLE = "torsions.json.gz"
BINS = 36  # of 0 to 180 degrees
UNIT = 255  # what the greatest number of a row stands at


class TorsionLibrary:
    """The table, ready to be asked."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._rows = table

    def __len__(self) -> int:
        """How many surroundings are known."""
        return len(self._rows)

    def chances(self, names: Sequence[str]) -> np.ndarray | None:
        """How often each of `2 * BINS` angles from -180 to 180 degrees is met, summing to one; None if unknown.

        Args:
            names: Of a bond's surroundings, the narrowest first.
        """
        found = next((self._rows[name] for name in names if name in self._rows), None)
        if found is None:
            return None
        half = np.frombuffer(bytes.fromhex(found), dtype=np.uint8).astype(float)
        both = np.concatenate([half[::-1], half])
        return both / both.sum()


def angles_at(chances: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The angles, radians, below which shares of all lie: the inverse of the distribution function.

    Args:
        chances: (2 * BINS,) of `TorsionLibrary.chances`.
        points: Any shape, from 0 to 1.
    """
    edges = np.linspace(-np.pi, np.pi, len(chances) + 1)
    return np.interp(points, np.concatenate([[0.0], np.cumsum(chances)]), edges)


@lru_cache
def torsion_library() -> TorsionLibrary:
    """The table that the package ships."""
    packed = files("rdkit_ebd.seeds").joinpath(TABLE).read_bytes()
    return TorsionLibrary(json.loads(gzip.decompress(packed)))
