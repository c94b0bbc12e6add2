"""How do data sets become shards? Seeds, graphs and pairs, made with RDKit in worker processes, one shard at a time."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase
from tqdm import tqdm

from rdkit_ebd.arrays.molgraph import MolGraph
from rdkit_ebd.arrays.random_streams import coarse_base
from rdkit_ebd.chem.featurise import mol_graph
from rdkit_ebd.chem.fragments import Replay, Vocabulary, learn_vocabulary
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.params import EBD
from rdkit_ebd.runtime.deadline import Deadline
from rdkit_ebd.runtime.process_map import in_processes
from rdkit_ebd.runtime.whole_file import write_whole
from rdkit_ebd.seeds.seeding import Seeding
from rdkit_ebd.seeds.skeleton import skeleton_of
from rdkit_ebd.train.data_prep.pairing import pair
from rdkit_ebd.train.data_prep.relaxation import after_rounds, basins, corrected, relax
from rdkit_ebd.train.data_prep.shards import Example, save_shard

_SEED_SECONDS = 30.0  # per molecule; one that takes longer is left out of training
_MAX_SYMMETRIES = 200


@dataclass(frozen=True)
class PrepareConfig:
    """Settings of preparation.

    Attributes:
        coarse: Coarse stage, "etkdg", "skeleton" or "dg".
        seeds: Coarse seeds per molecule for training; for validation there are twice as many as references.
        seed_pool: Seeds that each of them is chosen among, as the parameter `seedPool` says when embedding.
        pairing: "basin" or "hungarian".
        level: Level of theory of this data set, an index into the model's list.
        judged: Make a validation shard: natural seeds, symmetries, no pairs.
        random_seed: Of the seeds.
        relaxed: Seeds per molecule that also become relaxation pairs (`train.relaxation`).
        relaxed_level: Level of theory of those, an index as above.
        corrected_by: Model that brings their minima to its first level, name or file, and without which there are none;
            None: they stay as they are.
        own_rounds: Most rounds of that model that their seeds go through before they are minimised; each goes through
            as many as are drawn, so that the network learns where to go from wherever it gets to.
        elements: Atomic numbers; molecules with others are left out. Empty: all are taken.
        max_confs: Most references of a molecule, lowest energy first where energies are known; None for all.
    """

    coarse: str = "etkdg"
    seeds: int = 6
    seed_pool: int = 1
    pairing: str = "basin"
    level: int = 0
    judged: bool = False
    random_seed: int = 0
    relaxed: int = 0
    relaxed_level: int = 0
    corrected_by: str | None = None
    own_rounds: int = 0
    elements: tuple[int, ...] = ()
    max_confs: int | None = None


def elements_of(paths: Sequence[Path]) -> list[int]:
    """Atomic numbers in data sets, ascending."""
    return sorted({a.GetAtomicNum() for path in paths for record in read_records(path) for a in record.mol.GetAtoms()})


def learn_from(paths: Sequence[Path], size: int, replay: Replay = "canonical") -> Vocabulary:
    """Learn a fragment vocabulary from the molecules of data sets."""
    mols = [record.mol for path in paths for record in read_records(path)]
    return learn_vocabulary(mols, size, progress=True, replay=replay)


def prepare(
    data: Path,
    out: Path,
    vocabulary: Vocabulary,
    config: PrepareConfig,
    shard_size: int = 2000,
    workers: int = 2,
    limit: int | None = None,
    kept_back: Collection[str] = (),
    only: Collection[str] = (),
) -> list[Path]:
    """Write the shards of one data set; shards that exist are left as they are, so that an interrupted run continues.

    Args:
        data: Conformers (.npz, .sdf), or SMILES (.smi, .tsv and the like) where only relaxation pairs are made.
        out: Folder for the shards.
        vocabulary: Fragments.
        config: Settings.
        shard_size: Molecules per shard.
        workers: Processes.
        limit: Seeded random subset of so many molecules.
        kept_back: First InChIKey blocks of molecules that must not be trained on (`inchikey_blocks`).
        only: Those of the molecules that are wanted; empty: all.

    Returns:
        The shards' paths.
    """
    out.mkdir(parents=True, exist_ok=True)
    records = read_records(data, limit=limit, max_confs=config.max_confs)
    paths = []
    name = data.name.split(".")[0]
    make = partial(_made, vocabulary, config, kept_back, only)
    with tqdm(desc=name, unit=" molecules") as bar:
        for number, part in enumerate(_parts(records, shard_size)):
            path = out / f"{name}-{number:03d}.shard"
            if not path.exists():
                made: dict[int, list[Example]] = {}
                for place, examples in in_processes(partial(partial, make), part, workers):
                    made[place] = examples
                    bar.update()
                save_shard(path, [example for _, examples in sorted(made.items()) for example in examples])
            paths.append(path)
    return paths


def make_examples(record: Record, vocabulary: Vocabulary, config: PrepareConfig, seeds: np.ndarray) -> list[Example]:
    """Turn one record and its seeds into examples; none where no seed could be made."""
    if not len(seeds):
        return []
    graph = mol_graph(record.mol, vocabulary, level=config.level)
    if config.judged:
        symmetries = symmetry_mappings(record.mol, maxMatches=_MAX_SYMMETRIES)
        return [Example(graph, record.coords, seeds, np.zeros((0, 2), np.int16), symmetries)]
    examples = []
    if len(record.coords):
        pairs = pair(graph, record.coords, seeds, config.pairing)
        examples.append(Example(graph, record.coords, seeds, pairs))
    if record.starts is not None:  # a teacher has shown what they fall into
        own = np.repeat(np.arange(len(record.coords))[:, None], 2, 1).astype(np.int16)
        examples.append(Example(graph, record.coords, record.starts, own, natural=True))
    return examples + relaxed_examples(record, graph, seeds[: config.relaxed], config)


def relaxed_examples(record: Record, graph: MolGraph, seeds: np.ndarray, config: PrepareConfig) -> list[Example]:
    """Pairs of seeds and what they fall into: the reference of their basin where there is one, else the minimum."""
    if not len(seeds):
        return []
    mol, tables = record.mol, check_tables(record.mol)
    model = load_model(config.corrected_by, "cpu") if config.corrected_by else None
    if model and config.own_rounds:
        drawn = np.random.default_rng(config.random_seed).integers(config.own_rounds + 1, size=len(seeds))
        seeds = after_rounds(mol, seeds, tables, model, drawn)
    kept, minima = relax(mol, seeds, tables)
    home = basins(graph, minima, record.coords)
    found, alone = np.flatnonzero(home >= 0), np.flatnonzero(home < 0)
    own, targets = replace(graph, level=config.relaxed_level), minima[alone]
    if model:
        done, targets = corrected(mol, targets, tables, model)
        alone = alone[done]
    parts = ((graph, found, record.coords[home[found]]), (own, alone, targets))
    return [
        Example(
            own,
            targets,
            seeds[kept[rows]],
            np.repeat(np.arange(len(rows))[:, None], 2, 1).astype(np.int16),
            natural=True,
        )
        for own, rows, targets in parts
        if len(rows)
    ]


def make_seeds(mol: Chem.Mol, count: int, config: PrepareConfig) -> np.ndarray:
    """Coarse seeds (S, N, 3) float32 with the written stereo; S may be less than `count`."""
    recipe = EBD(coarse=config.coarse).coarse_parameters
    base, deadline = coarse_base(config.random_seed, 0), Deadline.after(_SEED_SECONDS)
    bare = skeleton_of(mol) if config.coarse == "skeleton" else None
    found = Seeding(mol, check_tables(mol), recipe, bare, deadline).seeds(range(count), base, config.seed_pool)
    return found.first[found.made].astype(np.float32)


def save_vocabulary(vocabulary: Vocabulary, path: Path) -> None:
    """Write a vocabulary as JSON."""
    write_whole(path, json.dumps(vocabulary.to_dict()))


def load_vocabulary(path: Path) -> Vocabulary:
    """Read a vocabulary from JSON."""
    return Vocabulary.from_dict(json.loads(path.read_text()))


def inchikey_blocks(paths: Sequence[Path]) -> frozenset[str]:
    """First InChIKey blocks of the molecules of data sets: what must not be trained on."""
    return frozenset(_block(record.mol) for path in paths for record in read_records(path))


def _block(mol: Chem.Mol) -> str:
    return str(Chem.MolToInchiKey(mol)).partition("-")[0]


def _made(
    vocabulary: Vocabulary, config: PrepareConfig, kept_back: Collection[str], only: Collection[str], record: Record
) -> list[Example]:
    with rdBase.BlockLogs():
        foreign = config.elements and not {a.GetAtomicNum() for a in record.mol.GetAtoms()} <= set(config.elements)
        block = _block(record.mol) if kept_back or only else ""
        if foreign or block in kept_back or (only and block not in only):
            return []
        count = 2 * len(record.coords) if config.judged else config.seeds
        return make_examples(record, vocabulary, config, make_seeds(record.mol, count, config))


def _parts(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while part := list(islice(records, size)):
        yield part
