"""Does each choice of the paper help? Its ablations: a network for each, all trained and judged alike."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rdkit import Chem

from rdkit_ebd.chem.fragments import Vocabulary, assign_fragments, learn_vocabulary
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.generators.ebd.blur import BlurConfig, Corruption, Prior, Target
from rdkit_ebd.generators.ebd.published_network import PaperNetworkConfig
from rdkit_ebd.generators.ebd.sampler import deblur_times
from rdkit_ebd.runtime.whole_file import write_whole
from rdkit_ebd.train.data_prep.prepare import PrepareConfig, load_vocabulary, prepare, save_vocabulary
from rdkit_ebd.train.data_prep.shards import load_shards
from rdkit_ebd.train.fit.train_config import TrainConfig
from rdkit_ebd.train.fit.trainer import Trainer
from rdkit_ebd.train.fit.validate import validation_table
from rdkit_ebd.train.loop import fit
from rdkit_ebd.train.recipes import recipe

Direction = Literal["better", "worse", ""]

TRAINING_SHARE = 0.8  # of the budget; the rest is for preparing and judging
FULL_SIZE_MINUTES = 120.0  # per network, from which on it is the published size that is trained
SMALL = PaperNetworkConfig(width=48, blocks=4)
SEEDS = 5  # per molecule, as in the paper
SAVE_MINUTES = 2.0


@dataclass(frozen=True)
class Ablation:
    """One line of the table.

    Attributes:
        name: Also of its folder and its model.
        vocabulary: Fragments.
        target: What the network predicts.
        corruption: How a conformer is corrupted.
        prior: Where atoms end: "fragments" (C2F) or "atoms" (F2F).
        coarse: Coarse stage, "dg" or "etkdg".
        expected: How the paper finds it, compared with the first line.
    """

    name: str
    vocabulary: int = 50
    target: Target = "x_0"
    corruption: Corruption = "blur"
    prior: Prior = "fragments"
    coarse: str = "dg"
    expected: Direction = ""


ABLATIONS = (
    Ablation("paper"),
    Ablation("vocabulary-200", vocabulary=200, expected="better"),
    Ablation("vocabulary-1000", vocabulary=1000, expected="better"),
    Ablation("previous-state", target="previous", expected="worse"),
    Ablation("diffusion", corruption="diffusion", expected="worse"),
    Ablation("f2f", prior="atoms", expected="better"),
    Ablation("etkdg", coarse="etkdg"),
)


@dataclass(frozen=True)
class Plan:
    """What a table is made of; a folder holds one.

    Attributes:
        data: Name of the training set.
        valid: Name of the validation set.
        minutes: The whole budget.
        molecules: Training molecules, a seeded random subset.
        judged: Validation molecules, likewise.
        rows: Names of the ablations.
    """

    data: str
    valid: str
    minutes: float
    molecules: int
    judged: int
    rows: tuple[str, ...]

    @property
    def minutes_each(self) -> float:
        """Training time of the first network, whose samples are those of all."""
        return self.minutes * TRAINING_SHARE / len(self.rows)

    @property
    def full_size(self) -> bool:
        """Whether there is time for networks of the published size, trained as published."""
        return self.minutes_each >= FULL_SIZE_MINUTES


def fragment_table(mols: Iterable[Chem.Mol], vocabulary: Vocabulary) -> dict[str, float]:
    """Mean and standard deviation of the fragments per molecule and of the atoms per fragment."""
    sizes = [np.bincount(assign_fragments(mol, vocabulary)) for mol in mols]
    counts, atoms = np.array([len(s) for s in sizes]), np.concatenate(sizes)
    return {
        "fragments_per_molecule": float(counts.mean()),
        "fragments_per_molecule_std": float(counts.std()),
        "atoms_per_fragment": float(atoms.mean()),
        "atoms_per_fragment_std": float(atoms.std()),
    }


def spread(records: Iterable[Record], vocabulary: Vocabulary) -> float:
    """Root mean square of a coordinate of an atom about its fragment's centre, angstrom: the diffusion's width."""
    squares = []
    for record in records:
        fragments = assign_fragments(record.mol, vocabulary)
        members = np.eye(fragments.max() + 1)[fragments]
        centres = (members / members.sum(0)).T @ record.coords
        squares.append(np.square(record.coords - members @ centres).ravel())
    return float(np.sqrt(np.concatenate(squares).mean()))


def ablation_config(
    ablation: Ablation, vocabulary: Vocabulary, elements: Sequence[int], level: str, width: float, full_size: bool
) -> TrainConfig:
    """The paper's recipe with what the ablation changes.

    Args:
        ablation: The line of the table.
        vocabulary: Its fragments.
        elements: Atomic numbers in the training data.
        level: Level of theory of the training data.
        width: Of the diffusion, angstrom (`spread`).
        full_size: As published; else a small network at a rate at which it learns something in minutes.
    """
    config = recipe("paper", vocabulary, elements, [level])
    noise: dict[str, Any] = {"sigma": width, "corruption": "diffusion"} if ablation.corruption == "diffusion" else {}
    blur: BlurConfig = replace(config.model.blur, prior=ablation.prior, target=ablation.target, **noise)
    sampling = replace(config.model.sampling, coarse=ablation.coarse)
    if noise:
        sampling = replace(sampling, noise_scale=1.0)
    model = replace(config.model, name=ablation.name, blur=blur, sampling=sampling)
    config = replace(config, model=model)
    if full_size:
        return config
    # An average that has its decay from the start would be of the untrained network for most of so short a run.
    return replace(
        config, model=replace(model, network=SMALL), lr=1e-3, warmup=100, anneal_share=0.3, ema_from_start=False
    )


def run_ablations(
    data: Path,
    valid: Path,
    out: Path,
    minutes: float,
    *,
    molecules: int | None = None,
    judged: int | None = None,
    workers: int = 2,
    device: str = "cpu",
    ablations: Sequence[Ablation] = ABLATIONS,
) -> str:
    """Train and judge every ablation; called again, it goes on where it stopped.

    Args:
        data: Training set, as `read_records` takes it.
        valid: Validation set.
        out: Folder for shards, networks and rows.
        minutes: For everything together, about.
        molecules: Training molecules; as many as are prepared in the time that is not for training, if not given.
        judged: Validation molecules, likewise.
        workers: Processes that prepare.
        device: Of torch.
        ablations: Lines of the table, the one that others are compared with first.

    Returns:
        The table, with statistics of the fragments.

    Raises:
        ValueError: The folder holds another table, or the budget is not positive.
    """
    if not 0 < minutes < math.inf:
        raise ValueError(f"minutes must be a time greater than 0, not {minutes}")
    names = tuple(a.name for a in ablations)
    wanted = Plan(
        data.name, valid.name, minutes, molecules or _fitting(20 * minutes), judged or _fitting(minutes / 3), names
    )
    out.mkdir(parents=True, exist_ok=True)
    _same_plan(wanted, out / "plan.json")
    records = list(read_records(data, limit=wanted.molecules))
    vocabulary = _vocabulary(records, max(a.vocabulary for a in ablations), out / "vocabulary.json")
    rows: list[dict[str, Any]] = []
    for ablation in ablations:
        file = out / ablation.name / "row.json"
        if not file.exists():
            own = vocabulary.truncate(ablation.vocabulary)
            elements = sorted({atom.GetAtomicNum() for r in records for atom in r.mol.GetAtoms()})
            config = ablation_config(ablation, own, elements, data.stem, spread(records, own), wanted.full_size)
            shards = _shards(data, valid, out, ablation, own, wanted, elements, workers)
            # The first line's minutes set what all of them see: a machine that is busier later must not decide.
            minutes, samples = (math.inf, rows[0]["samples"]) if rows else (wanted.minutes_each, math.inf)
            _write(file, _trained(config, file.parent, shards, minutes, samples, torch.device(device)))
        rows.append(json.loads(file.read_text()))
    sizes = sorted({a.vocabulary for a in ablations})
    statistics = {size: fragment_table((r.mol for r in records), vocabulary.truncate(size)) for size in sizes}
    return format_ablations(wanted, ablations, rows, statistics)


def format_ablations(
    plan: Plan, ablations: Sequence[Ablation], rows: Sequence[dict[str, Any]], statistics: dict[int, dict[str, float]]
) -> str:
    """The table in Markdown, a line about the fragments of each vocabulary, and what it is worth.

    Networks that make their seeds worse have not learnt enough to be compared, so two such are not.
    """
    lines = ["| ablation | MAT-R | MAT-P | samples | in the paper | here |", "|---|---|---|---|---|---|"]
    for ablation, row in zip(ablations, rows, strict=True):
        here = _compared(row, rows[0]) if row is not rows[0] else ""
        numbers = f"{row['mat_r']:.3f} | {row['mat_p']:.3f} | {row['samples']}"
        lines.append(f"| {ablation.name} | {numbers} | {ablation.expected} | {here} |")
    lines += ["", *(_told(size, told) for size, told in statistics.items()), ""]
    network = "of the published size" if plan.full_size else f"small ({SMALL.width} wide, {SMALL.blocks} blocks)"
    if all(_worse_than_seeds(row) for row in rows):
        lines.append(
            "No network comes nearer to the references than its seeds: this budget says nothing of the choices."
        )
    lines.append(
        f"Networks are {network}; each has seen the samples that the first did in {plan.minutes_each:.3g} minutes, of "
        f"{plan.molecules} molecules at most, and is judged on {rows[0]['judged']}. "
        "The paper trained a million steps: read small differences as noise."
    )
    return "\n".join(lines)


def _fitting(count: float) -> int:
    return max(10, round(count))


def _same_plan(wanted: Plan, file: Path) -> None:
    told = json.loads(json.dumps(asdict(wanted)))
    if not file.exists():
        _write(file, told)
    found = json.loads(file.read_text())
    if differing := [
        f"{name} {found.get(name)!r}, not {value!r}" for name, value in told.items() if found.get(name) != value
    ]:
        raise ValueError(f"{file.parent} holds another table: {'; '.join(differing)}")


def _vocabulary(records: Sequence[Record], size: int, file: Path) -> Vocabulary:
    if not file.exists():
        save_vocabulary(learn_vocabulary([r.mol for r in records], size, progress=True, replay="published"), file)
    return load_vocabulary(file)


def _shards(
    data: Path,
    valid: Path,
    out: Path,
    ablation: Ablation,
    vocabulary: Vocabulary,
    plan: Plan,
    elements: Sequence[int],
    workers: int,
) -> tuple[list[Path], list[Path]]:
    """Training and validation shards, which ablations of the same fragments and coarse stage share."""
    folder = out / f"shards-{ablation.coarse}-{ablation.vocabulary}"
    learnt = PrepareConfig(ablation.coarse, SEEDS, pairing="hungarian")
    judged = PrepareConfig(ablation.coarse, judged=True, elements=tuple(elements))
    return (
        prepare(data, folder / "train", vocabulary, learnt, workers=workers, limit=plan.molecules),
        prepare(valid, folder / "valid", vocabulary, judged, workers=workers, limit=plan.judged),
    )


def _trained(
    config: TrainConfig,
    run: Path,
    shards: tuple[list[Path], list[Path]],
    minutes: float,
    samples: float,
    device: torch.device,
) -> dict[str, Any]:
    """Train for what is left of the minutes and the samples, then judge."""
    run.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, run, device)
    if trainer.state_file.exists():
        trainer.load_state()
    left = max(0.0, minutes - trainer.seconds / 60)
    fit(trainer, load_shards(shards[0]), [], left, SAVE_MINUTES, samples)
    model, examples = config.model, load_shards(shards[1])
    times = deblur_times(model.sampling.steps)
    network = trainer.averaged()
    table = validation_table(network, examples, model.blur, times, model.sampling.noise_scale)
    seeds = validation_table(network, examples, model.blur, [])
    table |= {f"seeds_{name}": seeds[name] for name in ("mat_r", "mat_p")}
    return {**table, "samples": trainer.samples, "minutes": trainer.seconds / 60, "judged": len(examples)}


def _worse_than_seeds(row: dict[str, Any]) -> bool:
    return all(f"seeds_{name}" in row and row[name] >= row[f"seeds_{name}"] for name in ("mat_r", "mat_p"))


def _compared(row: dict[str, Any], first: dict[str, Any]) -> str:
    if _worse_than_seeds(row) and _worse_than_seeds(first):
        return "not to be compared"
    signs = {float(np.sign(row[name] - first[name])) for name in ("mat_r", "mat_p")}
    return {-1.0: "better", 1.0: "worse"}.get(signs.pop(), "mixed") if len(signs) == 1 else "mixed"


def _told(size: int, told: dict[str, float]) -> str:
    return (
        f"- {size} fragments: {told['fragments_per_molecule']:.1f} ± {told['fragments_per_molecule_std']:.1f} per "
        f"molecule, of {told['atoms_per_fragment']:.2f} ± {told['atoms_per_fragment_std']:.2f} atoms"
    )


def _write(file: Path, told: dict[str, Any]) -> None:
    """Write JSON; the file appears whole or not at all."""
    write_whole(file, json.dumps(told, indent=1))
