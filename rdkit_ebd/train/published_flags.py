"""Do the flags beside a published checkpoint ask for the network that was published?

Weights show a network's width and blocks; the rest of what can be set leaves no trace in them. Flags go by the names
that they have in the networks which the published one descends from: EDM's (Hoogeboom et al., ICML 2022) and GeoDiff's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rdkit_ebd.generators.ebd.published_network import RADIUS, REACH, PaperNetworkConfig


@dataclass(frozen=True)
class Flag:
    """What a flag sets, and the value that the published network has it at."""

    meaning: str
    published: Any


FLAGS = {
    "inv_sublayers": Flag("rounds of messages in a block", 1),
    "attention": Flag("attention of messages", True),
    "tanh": Flag("bounded shifts", True),
    "coords_range": Flag("reach of a shift, angstrom", REACH),
    "sin_embedding": Flag("sinusoidal embedding of distances", False),
    "aggregation_method": Flag("how messages are gathered", "sum"),
    "normalization_factor": Flag("what sums of messages are divided by", 1),
    "norm_constant": Flag("what is added to the length of a vector, angstrom", 1),
    "condition_time": Flag("whether the network knows the time", True),
    "cutoff": Flag("radius of the radius graph, angstrom", RADIUS),
    "edge_order": Flag("hops that make an edge", 3),
}


def foreign_flags(settings: Mapping[str, Any], network: PaperNetworkConfig) -> list[str]:
    """Every flag, at whatever depth, that asks for another network; empty if there is none.

    Args:
        settings: Nested mappings, as read from a checkpoint and its `args.pickle`.
        network: Width and blocks that the weights have.
    """
    shape = {"nf": Flag("width", network.width), "n_layers": Flag("blocks", network.blocks)}
    problems = []
    for path, value in _leaves(settings):
        flag = (FLAGS | shape).get(path.rpartition(".")[2])
        if flag and value is not None and value != flag.published:
            problems.append(f"{path} ({flag.meaning}) is {value!r}, not {flag.published!r}")
    return problems


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
