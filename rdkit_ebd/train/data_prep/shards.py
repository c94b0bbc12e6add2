"""How do training molecules travel to the training machine? Shards of graphs, references, seeds and pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from rdkit_ebd.arrays.molgraph import ATOM_FEATURES, MolGraph
from rdkit_ebd.runtime.whole_file import write_whole

_SIZES = 9  # integers that say how long an example's arrays are
_MILLI = 1000.0  # coordinates are stored as int16 milliangstrom


@dataclass(frozen=True)
class Example:
    """A molecule to learn from or to be judged on.

    Attributes:
        graph: Its arrays.
        references: (R, N, 3) float32, angstrom, centred.
        seeds: (S, N, 3) float32, angstrom, centred.
        pairs: (P, 2) int16, (reference, seed) to train on.
        symmetries: (M, H) int16, atom orders of the heavy atoms that a symmetric RMSD tries; M = 0 where it trains.
        natural: Each seed of a pair falls into its reference's basin by itself: to be learnt as it is.
    """

    graph: MolGraph
    references: np.ndarray
    seeds: np.ndarray
    pairs: np.ndarray
    symmetries: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int16))
    natural: bool = False


def save_shard(path: str | Path, examples: Sequence[Example]) -> None:
    """Write examples as one safetensors of concatenated arrays; the file appears whole or not at all."""
    arrays: dict[str, list[np.ndarray]] = {}
    for example in examples:
        for name, array in _arrays(example).items():
            arrays.setdefault(name, []).append(array)
    flat = {name: np.concatenate([a.reshape(-1) for a in parts]) for name, parts in arrays.items()}
    write_whole(path, save(flat))


def load_shard(path: str | Path) -> list[Example]:
    """Read the examples of a shard."""
    flat = load_file(path)
    ends = dict.fromkeys(flat, 0)

    def take(name: str, *shape: int) -> np.ndarray:
        start = ends[name]
        ends[name] = start + int(np.prod(shape))
        return flat[name][start : ends[name]].reshape(shape)

    return [_example(take, take("sizes", _SIZES).tolist()) for _ in range(len(flat["sizes"]) // _SIZES)]


def load_shards(paths: Iterable[str | Path]) -> list[Example]:
    """Read several shards, in order; one that is named twice is read once, and its examples are there twice."""
    named = list(paths)
    read = {path: load_shard(path) for path in dict.fromkeys(named)}
    return [example for path in named for example in read[path]]


def draw_weights(examples: Sequence[Example]) -> np.ndarray:
    """How often each is drawn in training, relative to the others: the square root of the number of its references."""
    return np.sqrt([len(np.unique(e.pairs[:, 0])) for e in examples])


def _arrays(example: Example) -> dict[str, np.ndarray]:
    g = example.graph
    sizes = (
        g.num_atoms,
        len(g.stereo_signs),
        len(g.torsions),
        len(example.references),
        len(example.seeds),
        len(example.pairs),
        len(example.symmetries),
        g.level,
        int(example.natural),
    )
    graph = {f.name: getattr(g, f.name) for f in fields(MolGraph) if f.name != "level"}
    return {
        "sizes": np.array(sizes, np.int32),
        **graph,
        "far_side": g.far_side.astype(np.uint8),
        "references": _pack(example.references),
        "seeds": _pack(example.seeds),
        "pairs": example.pairs.astype(np.int16),
        "symmetry_width": np.array([example.symmetries.shape[1]], np.int32),
        "symmetries": example.symmetries.astype(np.int16),
    }


def _example(take: Callable[..., np.ndarray], sizes: list[int]) -> Example:
    n, q, r, references, seeds, pairs, symmetries, level, natural = sizes
    graph = MolGraph(
        atom_features=take("atom_features", n, len(ATOM_FEATURES)),
        pair_types=take("pair_types", n, n),
        fragments=take("fragments", n),
        stereo_quads=take("stereo_quads", q, 4),
        stereo_signs=take("stereo_signs", q),
        stereo_atoms=take("stereo_atoms", q),
        torsions=take("torsions", r, 4),
        far_side=take("far_side", r, n).astype(bool),
        level=level,
    )
    return Example(
        graph,
        _unpack(take("references", references, n, 3)),
        _unpack(take("seeds", seeds, n, 3)),
        take("pairs", pairs, 2),
        take("symmetries", symmetries, int(take("symmetry_width", 1)[0])),
        bool(natural),
    )


def _pack(coords: np.ndarray) -> np.ndarray:
    if np.abs(coords).max(initial=0) * _MILLI > np.iinfo(np.int16).max:
        raise ValueError(f"coordinates reach {np.abs(coords).max():.1f} angstrom; shards hold up to 32.7")
    return np.round(coords * _MILLI).astype(np.int16)


def _unpack(coords: np.ndarray) -> np.ndarray:
    return coords.astype(np.float32) / np.float32(_MILLI)
