"""How is everything made that a training needs? Vocabulary, configuration and shards of every data set, in a folder."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rdkit import Chem

from rdkit_ebd.chem.fragments import Replay, Vocabulary
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.generators.checkpoint import LoadedModel, load_model, model_path, read_config
from rdkit_ebd.generators.model_config import COARSE_STAGES, ModelConfig
from rdkit_ebd.judge.environments import Environments
from rdkit_ebd.runtime.whole_file import whole_file
from rdkit_ebd.train.data_prep import relaxation
from rdkit_ebd.train.data_prep.pairing import PAIRINGS
from rdkit_ebd.train.data_prep.prepare import (
    PrepareConfig,
    elements_of,
    inchikey_blocks,
    learn_from,
    load_vocabulary,
    prepare,
    save_vocabulary,
)
from rdkit_ebd.train.fit.train_config import TrainConfig
from rdkit_ebd.train.recipes import RECIPES, recipe, resumed

MANY = 100  # molecules with a kind of atom, from which on a model refuses those that it has not learnt


@dataclass(frozen=True)
class Preparation:
    """What is prepared, and from what; `prepare_training` does it.

    Attributes:
        data: Training sets, as `read_records` takes them.
        out: Folder for shards, vocabulary and configuration.
        valid: Validation set.
        recipe: Of `RECIPES`.
        vocabulary_size: Fragments in the vocabulary.
        coarse: Coarse stage; None for that of the model or recipe.
        pairing: Of `PAIRINGS`.
        seeds: Coarse seeds per molecule.
        levels: Level of theory of each training set; none for the names of their files.
        like: Model to continue from: its vocabulary, network and levels.
        relaxed: Seeds per molecule minimised for relaxation pairs.
        corrected_by: Model whose level those minima are brought to, and are learnt at.
        own_rounds: Most rounds of that model before a seed is minimised, for each as drawn.
        seed_pool: Seeds that each is chosen among, as when embedding.
        bulk: SMILES for relaxation pairs alone.
        bulk_elements: Symbols of elements that only `bulk` brings; they are learnt from MMFF94s alone.
        bulk_limit: Molecules of `bulk`, a seeded random subset.
        keep_back: Data sets whose molecules `bulk` leaves out.
        max_confs: References per molecule, lowest energy first; None for all.
        valid_limit: Validation molecules.
        valid_share: Share of the molecules that is kept back to validate, where there is no `valid`: at least one of
            three or more.
        workers: Processes.

    Raises:
        ValueError: Settings are unknown or do not fit together.
    """

    data: tuple[Path, ...]
    out: Path
    valid: Path | None = None
    recipe: str = "ebd-f2f"
    vocabulary_size: int = 50
    coarse: str | None = None
    pairing: str = "basin"
    seeds: int = 6
    levels: tuple[str, ...] = ()
    like: str | None = None
    relaxed: int = 0
    corrected_by: str | None = None
    own_rounds: int = 0
    seed_pool: int = 1
    bulk: Path | None = None
    bulk_elements: tuple[str, ...] = ()
    bulk_limit: int = 5000
    keep_back: tuple[Path, ...] = ()
    max_confs: int | None = None
    valid_limit: int = 100
    valid_share: float = 0.0
    workers: int = 2

    def __post_init__(self) -> None:
        words = {"recipe": RECIPES, "pairing": PAIRINGS, "coarse": (None, *COARSE_STAGES)}
        for name, known in words.items():
            if getattr(self, name) not in known:
                listed = ", ".join(word for word in known if word)
                raise ValueError(f"{name} must be one of {listed}, not {getattr(self, name)!r}")
        if self.levels and len(self.levels) != len(self.data):
            raise ValueError(f"{len(self.data)} training sets have as many levels, not {len(self.levels)}")
        if self.own_rounds and not self.corrected_by:
            raise ValueError("own-rounds are rounds of a model: corrected-by must say which")
        if self.corrected_by and not (self.relaxed or self.bulk):
            raise ValueError("corrected-by has nothing to correct: it needs relaxed, or bulk")

    @property
    def names(self) -> tuple[str, ...]:
        """Levels of theory of the training sets."""
        return self.levels or tuple(path.stem for path in self.data)


def prepare_training(wanted: Preparation, report: Callable[[str], None] = print) -> TrainConfig:
    """Make vocabulary, configuration and shards; what is finished is kept, so that an interrupted run can be repeated.

    Args:
        wanted: What is prepared.
        report: Called with what is worth knowing, a line at a time.

    Returns:
        The training configuration, as it is in the folder.

    Raises:
        ValueError: Models or elements are unknown, or there is nothing to correct; raised before anything is written.
    """
    parent = read_config(model_path(wanted.like)) if wanted.like else None
    corrector = _corrector(wanted)
    only_bulk = [_atomic_number(symbol) for symbol in wanted.bulk_elements]
    elements = sorted({*elements_of(wanted.data), *only_bulk})
    if corrector:
        _report_corrections(wanted, corrector, report)
    wanted.out.mkdir(parents=True, exist_ok=True)
    vocabulary = _vocabulary(wanted, parent)
    minima = _level_of_minima(wanted, corrector)
    config = _config(wanted, parent, vocabulary, elements, minima)
    seen = surroundings_of(wanted.data, config.model.surroundings)
    # What a parent without counts has learnt from is not known, and a handful of molecules is tried out, not relied on.
    if parent.surroundings if parent else max(seen.values(), default=0) >= MANY:
        config = replace(config, model=replace(config.model, surroundings=seen))
    with whole_file(wanted.out / "config.json") as stream:
        stream.write(json.dumps(config.to_dict(), indent=1).encode())
    _make_shards(wanted, config, vocabulary, minima, report)
    return config


def _corrector(wanted: Preparation) -> LoadedModel | None:
    """The model that corrects minima, read in full, so that a damaged file stops the work before it begins."""
    if wanted.corrected_by is None:
        return None
    model = load_model(wanted.corrected_by, "cpu")
    if model.config.blur.prior != "atoms":
        raise ValueError(f"corrected-by takes a model of atom-level seeds; {wanted.corrected_by} starts elsewhere")
    return model


def _report_corrections(wanted: Preparation, model: LoadedModel, report: Callable[[str], None]) -> None:
    """Say how many molecules of the training sets have minima that can be corrected.

    Raises:
        ValueError: None has, and nothing else is corrected.
    """
    treated = [relaxation.treats(model, record.mol) for path in wanted.data for record in read_records(path)]
    left_out = treated.count(False)
    if wanted.relaxed and left_out:
        report(f"{wanted.corrected_by} treats {sum(treated)} of {len(treated)} molecules: no minima of the others")
    if not any(treated) and not wanted.bulk:
        raise ValueError(f"corrected-by has nothing to correct: {wanted.corrected_by} treats none of the molecules")


def _level_of_minima(wanted: Preparation, corrector: LoadedModel | None) -> str | None:
    """Level of theory at which minima are learnt; None where none are made."""
    if not (wanted.relaxed or wanted.bulk):
        return None
    if corrector is None:
        return relaxation.LEVEL
    levels = corrector.config.levels
    return levels[0] if levels else wanted.names[0]


def surroundings_of(paths: Sequence[Path], known: Mapping[str, int]) -> dict[str, int]:
    """In how many molecules of data sets each kind of atom is, or in more of what a model has learnt from before.

    Runs begin again with data that a model knows, which must not count twice.
    """
    seen: Counter[str] = Counter()
    for path in paths:
        for record in read_records(path):
            seen.update(set(Environments(record.mol).atoms))
    return {name: max(seen[name], known.get(name, 0)) for name in sorted({*seen, *known})}


def _atomic_number(symbol: str) -> int:
    try:
        return int(Chem.GetPeriodicTable().GetAtomicNumber(symbol))
    except RuntimeError as error:
        raise ValueError(f"{symbol!r} is no symbol of an element") from error


def _vocabulary(wanted: Preparation, parent: ModelConfig | None) -> Vocabulary:
    file = wanted.out / "vocabulary.json"
    if not file.exists():
        save_vocabulary(Vocabulary.from_dict(parent.vocabulary) if parent else _learnt(wanted), file)
    return load_vocabulary(file)


def _learnt(wanted: Preparation) -> Vocabulary:
    replay: Replay = "published" if wanted.recipe == "paper" else "canonical"
    return learn_from(wanted.data, wanted.vocabulary_size, replay)


def _config(
    wanted: Preparation, parent: ModelConfig | None, vocabulary: Vocabulary, elements: list[int], minima: str | None
) -> TrainConfig:
    names = list(wanted.names)
    if minima and minima not in names:
        names.append(minima)
    config = resumed(parent, elements, names) if parent else recipe(wanted.recipe, vocabulary, elements, names)
    if wanted.coarse is None:
        return config
    sampling = replace(config.model.sampling, coarse=wanted.coarse)  # used as it was trained
    return replace(config, model=replace(config.model, sampling=sampling))


def _make_shards(
    wanted: Preparation,
    config: TrainConfig,
    vocabulary: Vocabulary,
    minima: str | None,
    report: Callable[[str], None],
) -> None:
    valid = _kept_back(wanted, report)
    known, out, coarse = config.model.levels, wanted.out, config.model.sampling.coarse
    alike = PrepareConfig(
        coarse,
        seed_pool=wanted.seed_pool,
        pairing=wanted.pairing,
        relaxed_level=known.index(minima) if minima else 0,
        corrected_by=wanted.corrected_by,
        own_rounds=wanted.own_rounds,
    )
    judged = PrepareConfig(coarse=coarse, judged=True)
    for path in wanted.data if valid else ():  # first, so that an interrupted run knows them again
        prepare(path, out / "valid", vocabulary, judged, workers=wanted.workers, only=valid)
    for name, path in zip(wanted.names, wanted.data, strict=True):
        level = known.index(name)
        own = replace(alike, seeds=wanted.seeds, level=level, relaxed=wanted.relaxed, max_confs=wanted.max_confs)
        prepare(path, out / "train", vocabulary, own, workers=wanted.workers, kept_back=valid)
    if wanted.bulk is not None:
        most = wanted.relaxed or wanted.seeds
        own = replace(alike, seeds=most, relaxed=most, elements=tuple(config.model.elements))
        kept_back, limit = inchikey_blocks(wanted.keep_back) | valid, wanted.bulk_limit
        prepare(wanted.bulk, out / "train", vocabulary, own, workers=wanted.workers, limit=limit, kept_back=kept_back)
    if wanted.valid is not None:
        prepare(wanted.valid, out / "valid", vocabulary, judged, workers=wanted.workers, limit=wanted.valid_limit)


def _kept_back(wanted: Preparation, report: Callable[[str], None]) -> frozenset[str]:
    """First InChIKey blocks of the molecules to validate by; whether one is among them depends on itself alone."""
    trained_on = (wanted.out / "train").exists() and not (wanted.out / "valid").exists()
    if wanted.valid is not None or not wanted.valid_share or trained_on:
        return frozenset()
    blocks = sorted(inchikey_blocks(wanted.data), key=lambda block: hashlib.sha256(block.encode()).digest())
    count = min(max(1, round(wanted.valid_share * len(blocks))), wanted.valid_limit) if len(blocks) > 2 else 0
    if count:
        report(
            f"{count} of {len(blocks)} molecules are kept back to judge by; --valid takes others, --valid-share 0 none"
        )
    return frozenset(blocks[:count])
