"""Which colour has an energy? Teal for the lowest, over grey to magenta: no element has these."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

ENERGY_COLOURS = ((0, 122, 116), (112, 146, 160), (190, 128, 176), (186, 20, 112))  # low to high
NO_ENERGY = "#646a73"
NARROWEST, WIDEST = 1.0, 10.0  # kcal/mol that the colours span


def energy_span(relative: Iterable[float]) -> float:
    """The energy that is magenta, kcal/mol above the lowest: the highest, from 1 to 10."""
    return min(max([NARROWEST, *(energy for energy in relative if not math.isnan(energy))]), WIDEST)


def energy_colour(relative: float, top: float) -> str:
    """Teal for the lowest, magenta for `top` and all above it, kcal/mol; grey where there is no energy."""
    if math.isnan(relative):
        return NO_ENERGY
    places = np.linspace(0, 1, len(ENERGY_COLOURS))
    share = min(relative / top, 1.0)
    mixed = [round(float(np.interp(share, places, channel))) for channel in zip(*ENERGY_COLOURS, strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed)
