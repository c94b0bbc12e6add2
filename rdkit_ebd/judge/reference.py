"""What does electronic structure theory say of an environment? Ranges of lengths, angles, twists, heights, contacts.

The table is made by `rdkit-ebd train geometry-tables` from DFT and, for what those sets have little of, AIMNet2 minima.
A row holds the least, the middle and the greatest value that molecules show, and in how many it was seen.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from rdkit_ebd.judge.environments import Names

TABLE = "geometry.json.gz"
# What one unit of the integers in the file is: milliangstrom, tenths of a degree.
UNITS = {"bonds": 1e-3, "angles": 0.1, "twists": 0.1, "heights": 1e-3, "contacts": 1e-3}
LEAST, MIDDLE, GREATEST, MOLECULES = range(4)
"""Columns of `Reference.rows`."""


class Reference:
    """The table, ready to be asked.

    Attributes:
        atoms: In how many molecules each kind of atom was seen.
    """

    def __init__(self, table: Mapping[str, Mapping[str, Any]]) -> None:
        self.atoms: Mapping[str, int] = table["atoms"]
        self._rows = {kind: table[kind] for kind in UNITS}

    def rows(self, kind: str, names: Sequence[Names]) -> np.ndarray:
        """What is known of environments: (T, 4), by the narrowest name that is known; NaN where none is.

        Args:
            kind: Of `UNITS`; angstrom or degrees.
            names: Of each environment.
        """
        known = self._rows[kind]
        unknown = [np.nan] * 4
        found = [next((known[name] for name in levels if name in known), unknown) for levels in names]
        out = np.array(found, dtype=np.float64).reshape(-1, 4)
        out[:, :MOLECULES] *= UNITS[kind]
        return out


@lru_cache
def reference() -> Reference:
    """The table that the package ships."""
    packed = files("rdkit_ebd.judge").joinpath(TABLE).read_bytes()
    return Reference(json.loads(gzip.decompress(packed)))
