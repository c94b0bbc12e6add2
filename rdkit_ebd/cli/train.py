"""How is a model trained from the command line? `rdkit-ebd train prepare`, then `rdkit-ebd train fit`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdkit_ebd.cli.common import usage_errors
from rdkit_ebd.cli.judge_conditional import property_classifier
from rdkit_ebd.cli.published_edm import published_edm

if TYPE_CHECKING:
    import numpy as np
    from rdkit import Chem

app = typer.Typer(help="Train a model on your own conformers.", no_args_is_help=True)
app.command("property-classifier")(property_classifier)
app.command("published-edm")(published_edm)


@app.command()
def prepare(
    data: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Training sets, .npz or .sdf.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for shards, vocabulary and configuration.")],
    valid: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Validation set.")] = None,
    recipe: Annotated[
        str, typer.Option(help="ebd-f2f (atom-level seeds), ebd-c2f (fragment points) or paper (as published).")
    ] = "ebd-f2f",
    vocabulary_size: Annotated[int, typer.Option(min=1, help="Fragments in the vocabulary.")] = 50,
    coarse: Annotated[
        str | None,
        typer.Option(help="Coarse stage: etkdg, skeleton or dg.", show_default="that of the model or recipe"),
    ] = None,
    pairing: Annotated[str, typer.Option(help="basin, or hungarian as in the paper.")] = "basin",
    seeds: Annotated[int, typer.Option(min=1, help="Coarse seeds per molecule.")] = 6,
    levels: Annotated[list[str] | None, typer.Option(help="Level of theory of each training set.")] = None,
    like: Annotated[str | None, typer.Option(help="Continue this model: its vocabulary, network and levels.")] = None,
    relaxed: Annotated[int, typer.Option(min=0, help="Seeds per molecule minimised for relaxation pairs.")] = 0,
    corrected_by: Annotated[
        str | None, typer.Option(help="Model whose level those minima are brought to, and are learnt at.")
    ] = None,
    own_rounds: Annotated[
        int, typer.Option(min=0, help="Most rounds of that model before a seed is minimised, for each as drawn.")
    ] = 0,
    seed_pool: Annotated[int, typer.Option(min=1, help="Seeds that each is chosen among, as when embedding.")] = 1,
    bulk: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="SMILES for relaxation pairs alone.")
    ] = None,
    bulk_elements: Annotated[
        str, typer.Option(help="Elements that only --bulk brings, such as I: they are learnt from MMFF94s alone.")
    ] = "",
    bulk_limit: Annotated[int, typer.Option(min=1, help="Molecules of --bulk, a seeded random subset.")] = 5000,
    keep_back: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Data sets whose molecules --bulk leaves out."),
    ] = None,
    max_confs: Annotated[
        int | None, typer.Option(min=1, help="References per molecule, lowest energy first.", show_default="all")
    ] = None,
    valid_limit: Annotated[int, typer.Option(min=1, help="Validation molecules.")] = 100,
    valid_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of the molecules kept back to judge by, without --valid.")
    ] = 0.1,
    workers: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Make seeds, graphs and pairs. Finished shards are kept: the same command continues an interrupted run."""
    with usage_errors():
        from rdkit_ebd.generators.checkpoint import available_models
        from rdkit_ebd.train.data_prep.preparation import Preparation, prepare_training

        wanted = Preparation(
            data=tuple(data),
            out=out,
            valid=valid,
            recipe=recipe,
            vocabulary_size=vocabulary_size,
            coarse=coarse,
            pairing=pairing,
            seeds=seeds,
            levels=tuple(levels or ()),
            like=like,
            relaxed=relaxed,
            corrected_by=corrected_by,
            own_rounds=own_rounds,
            seed_pool=seed_pool,
            bulk=bulk,
            bulk_elements=tuple(symbol for symbol in bulk_elements.split(",") if symbol),
            bulk_limit=bulk_limit,
            keep_back=tuple(keep_back or ()),
            max_confs=max_confs,
            valid_limit=valid_limit,
            valid_share=valid_share,
            workers=workers,
        )
        config = prepare_training(wanted, _report)
    if config.model.card.get("parent") and like not in available_models():
        start = f" --init {like}"
    else:
        start = ""
    _report(f"Next: rdkit-ebd train fit {out} --run runs/mine{start} --max-minutes 60")


@app.command()
def fit(
    prepared: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder made by `prepare`.")],
    run: Annotated[Path, typer.Option(help="Folder of the run; an existing run is continued.")],
    name: Annotated[
        str | None, typer.Option(help="Of the model that comes of it, RUN/NAME.safetensors.", show_default="RUN's")
    ] = None,
    max_minutes: Annotated[float, typer.Option(min=0.0)] = 60.0,
    checkpoint_minutes: Annotated[float, typer.Option(min=0.0)] = 5.0,
    init: Annotated[
        str | None,
        typer.Option(
            help="Model to start from: the name of a shipped one, a file, or none.",
            show_default="that which it was prepared --like",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
) -> None:
    """Fit the network; the newest checkpoint is RUN/NAME.safetensors, its history RUN/log.jsonl.

    Progress is on stderr. What it starts from is judged by the validation molecules before, and what came of it after.

    Example: rdkit-ebd train fit prepared --run runs/mine --max-minutes 2
    """
    with usage_errors():
        from rdkit_ebd.train.loop import Run, name_of_run, train

        asked = Run.of_prepared(prepared, run)
        start = asked.parent() if init is None else None if init == "none" else init
        if init is None and start and not (run / "state.pt").exists():
            _report(f"starting from {start}, which it was prepared like; --init none starts from nothing")
        asked = replace(asked, init=start, device=device, threads=threads, name=name or name_of_run(run))
        train(replace(asked, max_minutes=max_minutes, checkpoint_minutes=checkpoint_minutes))


@app.command()
def average(
    checkpoints: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Runs from a common model.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model file to write.")],
    share: Annotated[
        list[float] | None, typer.Option(min=0, help="Of each, in their order.", show_default="equal ones")
    ] = None,
) -> None:
    """Make one model of several runs: the mean of their weights."""
    with usage_errors():
        from rdkit_ebd.train.fit.averaging import average_models

        average_models(checkpoints, out, share)
    _report(f"wrote {out}")


@app.command()
def judge(
    data: Annotated[Path, typer.Argument(exists=True, help="Conformers to compare with, .npz or .sdf.")],
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Name or file; repeat for several.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Seeded random subset of so many molecules.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Compare networks, and the seeds they start from, with nothing rejected and nothing tried again."""
    with usage_errors():
        from rdkit_ebd.train.judge import judge_models

        typer.echo(judge_models(data, model or ["default"], limit, threads))


@app.command()
def config(
    model: Annotated[str, typer.Argument(help="Name of a shipped model, or a .safetensors file.")],
) -> None:
    """Print the settings of a model's last training run, as JSON that `python -m rdkit_ebd.train.loop` takes."""
    with usage_errors():
        from rdkit_ebd.generators.checkpoint import model_path, read_config
        from rdkit_ebd.train.recipes import trained_with

        settings = trained_with(read_config(model_path(model)))
    typer.echo(json.dumps(settings.to_dict(), indent=1))


@app.command()
def release(
    checkpoint: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="RUN/NAME.safetensors.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model file to write.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Deblurring steps, as validation chose them.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of deblurring, likewise.")] = None,
    noise_scale: Annotated[float | None, typer.Option(min=0, help="Of sampling, times the noise of training.")] = None,
    tolerance: Annotated[float | None, typer.Option(min=0, help="Displacement that ends the rounds, angstrom.")] = None,
    seed_pool: Annotated[int | None, typer.Option(min=1, help="Seeds to choose from for each conformer.")] = None,
    min_atoms: Annotated[int | None, typer.Option(min=1, help="Smaller components keep their seed.")] = None,
    card: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="JSON to add to the card.")] = None,
    evaluation: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON of `rdkit-ebd evaluate -o`.")
    ] = None,
) -> None:
    """Turn a checkpoint into a model to ship: how it is used, what it was made of, what it was measured to do."""
    asked = {"steps": steps, "rounds": rounds, "noise_scale": noise_scale, "tolerance": tolerance}
    asked |= {"seed_pool": seed_pool}
    with usage_errors():
        from rdkit_ebd.train.release import release_model

        added = json.loads(card.read_text()) if card else {}
        if evaluation is not None:
            added["evaluation"] = {r["method"]: r["table"] for r in json.loads(evaluation.read_text())}
        sampling = {name: value for name, value in asked.items() if value is not None}
        release_model(checkpoint, out, sampling, added, min_atoms)
    _report(f"wrote {out}")


@app.command()
def make_data(
    seeds: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="SMILES in the first column, also .gz.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The .npz to write; OUT.work beside it is kept to continue.")
    ],
    teacher: Annotated[str, typer.Option(help="Potential that relaxes them; also the level of theory.")] = "AIMNet2",
    groups: Annotated[str, typer.Option(help="Of molecules, comma-separated: azide,small,...; all, or list.")] = "all",
    molecules: Annotated[int, typer.Option(min=1, help="Molecules in all, the groups taking turns.")] = 1000,
    confs: Annotated[int, typer.Option(min=1, help="Conformers of a flexible molecule.")] = 2,
    max_atoms: Annotated[int, typer.Option(min=2, help="Larger molecules are passed over.")] = 70,
    grafts: Annotated[int, typer.Option(min=0, help="Molecules per graft (B, Si, Se, SF5, ...); 0: none.")] = 100,
    made: Annotated[int, typer.Option(min=0, help="Peptides, rings, sugars, ions, ... of each kind; 0: none.")] = 300,
    max_force: Annotated[float, typer.Option(help="Largest force left on an atom, kcal/mol/A.")] = 0.7,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    covered: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Data sets that are there: they say what is rare; left out."),
    ] = None,
    keep_back: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="Data sets whose molecules are left out.")
    ] = None,
    held_back: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Likewise, as sha256 of first InChIKey blocks, one a line."),
    ] = None,
    etkdg: Annotated[bool, typer.Option("--etkdg", help="Start from ETKDGv3 in place of EBD.")] = False,
    shard: Annotated[int, typer.Option(min=1, help="Molecules treated together; thousands for a GPU.")] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Processes; one for a GPU.")] = 2,
    max_minutes: Annotated[float, typer.Option(min=0.0, help="No shard is begun after so long; 0: no limit.")] = 60.0,
) -> None:
    """Make conformers where training data are thin, relaxed by a better method. Called again, it continues."""
    with usage_errors():
        from rdkit_ebd.runtime.deadline import Deadline
        from rdkit_ebd.train.data_prep.choosing import MakeDataConfig, read_smiles
        from rdkit_ebd.train.data_prep.choosing import held_back as hashes_in
        from rdkit_ebd.train.data_prep.coverage import count_environments
        from rdkit_ebd.train.data_prep.groups import GROUPS
        from rdkit_ebd.train.data_prep.make_data import make_data as make
        from rdkit_ebd.train.data_prep.minima import etkdg_conformers
        from rdkit_ebd.train.data_prep.prepare import inchikey_blocks

        if groups == "list":
            typer.echo("\n".join(GROUPS))
            return
        chosen = GROUPS if groups == "all" else tuple(name.strip() for name in groups.split(","))
        blocks, hashed = inchikey_blocks([*(covered or []), *(keep_back or [])]), hashes_in(held_back or [])
        config = MakeDataConfig(teacher, chosen, molecules, confs, max_atoms, grafts, made, max_force, shard, seed)
        summary = make(
            read_smiles(seeds),
            out,
            config,
            lambda block: block in blocks or hashed(block),
            count_environments(_molecules(covered or [])),
            etkdg_conformers if etkdg else own_conformers,
            workers,
            Deadline.after(60 * max_minutes),
        )
    lost = ", ".join(f"{count} {cause}" for cause, count in summary.lost.most_common()) or "none"
    _report(f"wrote {out}: {summary.molecules} molecules, {summary.conformers} conformers; lost: {lost}")
    if summary.waiting:
        _report(f"{summary.waiting} molecules are waiting: call again to continue")


def own_conformers(mol: Chem.Mol, count: int, seed: int) -> list[np.ndarray]:
    """Conformers by the shipped model, cheaply made, and by ETKDGv3 of what it does not know: (N, 3) angstrom each."""
    from rdkit import Chem

    from rdkit_ebd import EBD, EmbedMultipleConfs

    copy = Chem.Mol(mol, True)
    quick = EBD(numRounds=2, seedPool=1, fallback="ETKDGv3", randomSeed=seed, timeout=60)
    EmbedMultipleConfs(copy, count, quick)
    return [conformer.GetPositions() for conformer in copy.GetConformers()]


@app.command()
def geometry_tables(
    data: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Sets of DFT minima, .npz or .sdf.")],
    minima: Annotated[
        Path,
        typer.Option(
            dir_okay=False,
            help="Minima of what those lack, .npz, such as a teacher made; GFN2-xTB makes them if missing.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", dir_okay=False, help="The table to write, .json.gz.")],
) -> None:
    """Make the table of bond lengths, angles, flatness and contacts that conformers are judged by."""
    from rdkit_ebd.train.data_prep.geometry_tables import make_table

    with usage_errors():
        counts = make_table(data, minima, out)
    typer.echo(f"wrote {out}: {', '.join(f'{count} {kind}' for kind, count in counts.items())}", err=True)


@app.command()
def torsion_library(
    data: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Reference sets, .npz or .sdf.")],
    out: Annotated[Path, typer.Option("--out", "-o", dir_okay=False, help="The table to write, .json.gz.")],
) -> None:
    """Make the library of torsions that seeds of coarse=torsions are drawn from."""
    from rdkit_ebd.train.data_prep.torsion_tables import make_library

    with usage_errors():
        count = make_library(data, out)
    typer.echo(f"wrote {out}: {count} surroundings", err=True)


@app.command()
def ablate(
    data: Annotated[Path, typer.Argument(exists=True, help="Training set.")],
    valid: Annotated[Path, typer.Option(exists=True, help="Validation set.")],
    minutes: Annotated[float, typer.Option(help="For everything together, about.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the networks; called again, they are continued.")],
    molecules: Annotated[int | None, typer.Option(min=1, help="Training molecules.", show_default="by budget")] = None,
    judged: Annotated[int | None, typer.Option(min=1, help="Validation molecules.", show_default="by budget")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    workers: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Repeat the paper's ablations: vocabulary, target, corruption, prior and coarse stage, a network for each."""
    with usage_errors():
        from rdkit_ebd.train.ablations import run_ablations

        table = run_ablations(
            data, valid, out, minutes, molecules=molecules, judged=judged, workers=workers, device=device
        )
    typer.echo(table)


def _molecules(paths: list[Path]) -> Iterator[Chem.Mol]:
    from rdkit_ebd.data.readers import read_records

    return (record.mol for path in paths for record in read_records(path))


def _report(line: str) -> None:
    typer.echo(line, err=True)
