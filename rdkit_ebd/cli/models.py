"""What models are there, and how does a published checkpoint become one? `rdkit-ebd models`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdkit_ebd.cli.common import usage_errors

if TYPE_CHECKING:  # torch and RDKit are imported by the commands that need them: `--help` answers at once
    from rdkit_ebd.generators.model_config import ModelConfig

BOOKKEEPING = ("step", "samples", "minutes", "loss", "norm")  # of the training, in the rows of its validation table


models = typer.Typer(help="The models that came with the package.", invoke_without_command=True)


@models.callback()
def list_models(context: typer.Context) -> None:
    """List the models that came with the package."""
    if context.invoked_subcommand is not None:
        return
    from rdkit_ebd.generators.checkpoint import available_models, load_model

    for name, path in available_models().items():
        loaded = load_model(name, "cpu")
        typer.echo(f"{name}  {loaded.weights_hash}  {path.stat().st_size / 1e6:.1f} MB")
        for line in _described(loaded.config):
            typer.echo(f"  {line}")
    _list_generators()


def _list_generators() -> None:
    """Those that draw whole molecules."""
    from rdkit.Chem import GetPeriodicTable

    from rdkit_ebd.generators.edm.model import available_generators, load_generator

    symbol = GetPeriodicTable().GetElementSymbol
    for name, path in available_generators().items():
        loaded = load_generator(name, "cpu")
        config = loaded.config
        atoms = [size.heavy + size.hydrogens for size in config.sizes]
        elements = sorted({1, *(z for z, _ in config.kinds)})
        typer.echo(f"{name}  {loaded.weights_hash}  {path.stat().st_size / 1e6:.1f} MB")
        typer.echo(f"  draws whole molecules: {' '.join(map(symbol, elements))}; {min(atoms)} to {max(atoms)} atoms")
        typer.echo(f"  can be asked for: {', '.join(f'{p.name} ({p.unit})' for p in config.properties) or 'nothing'}")


@models.command("show")
def show_model(name: Annotated[str, typer.Argument(help="Name of a shipped model, or a .safetensors file.")]) -> None:
    """Print a model's card as JSON."""
    from rdkit_ebd.generators.checkpoint import model_path, read_config
    from rdkit_ebd.generators.edm.model import FORMAT, available_generators, read_generator_config
    from rdkit_ebd.generators.edm.published.model import FORMAT as PUBLISHED
    from rdkit_ebd.generators.edm.published.model import read_published_config
    from rdkit_ebd.generators.weights_file import file_format

    readers: dict[str | None, Any] = {FORMAT: read_generator_config, PUBLISHED: read_published_config}
    with usage_errors():
        path = available_generators().get(name) or model_path(name)
        card = readers.get(file_format(path), read_config)(path).card
    typer.echo(json.dumps(card, indent=2, sort_keys=True))


@models.command("import")
def import_model(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="Checkpoint of the published EBD, e.g. drugs_ckpt.pt, or EDM, generative_model_ema.npy.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model to write, NAME.safetensors.")],
    vocabulary: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Its fragments: the vocabulary file of its tokeniser, or JSON.",
            show_default="the default model's fifty",
        ),
    ] = None,
    ema: Annotated[bool, typer.Option("--ema/--no-ema", help="Take the moving average of the weights.")] = True,
    flags: Annotated[
        Path | None,
        typer.Option(
            "--args",
            exists=True,
            dir_okay=False,
            help="The args.pickle of its training; nothing in it is run.",
            show_default="the one beside the checkpoint, if any",
        ),
    ] = None,
    cap: Annotated[
        bool,
        typer.Option("--cap/--no-cap", help="Keep 32 neighbours of an atom in the radius graph, as published."),
    ] = True,
) -> None:
    """Turn a checkpoint of the published EBD or EDM into a model of this package.

    Of EDM, only --args counts: elements, properties and scales are in its args.pickle.
    """
    from rdkit_ebd.data.untrusted import load_torch
    from rdkit_ebd.generators.ebd.published_network import PaperNetworkConfig
    from rdkit_ebd.train.import_edm import import_edm, is_edm
    from rdkit_ebd.train.import_published import import_checkpoint, read_vocabulary

    with usage_errors():
        if is_edm(load_torch(checkpoint)):
            if vocabulary is not None:
                raise ValueError("EDM has no fragments: --vocabulary is for EBD")
            config = import_edm(checkpoint, output, flags)
            told = ", ".join(one.name for one in config.conditions)
            typer.echo(f"wrote {output}, an EDM{f' conditioned on {told}' if told else ''}", err=True)
            return
        fragments = read_vocabulary(vocabulary) if vocabulary else None
        neighbours = PaperNetworkConfig.neighbours if cap else 0
        import_checkpoint(checkpoint, output, fragments, ema, flags, neighbours)
    if fragments is None:
        typer.echo("note: fragments are the default model's; --vocabulary takes those it was trained on", err=True)
    typer.echo(f"wrote {output}; embed with: --model {output}", err=True)


def _described(config: ModelConfig) -> list[str]:
    from rdkit.Chem import GetPeriodicTable

    symbol = GetPeriodicTable().GetElementSymbol
    lines = [
        f"elements: {' '.join(symbol(z) for z in config.elements)}; at most {config.max_atoms} atoms",
        f"prior: {config.blur.prior}; steps: {config.sampling.rounds} x {config.sampling.steps}; "
        f"trained on: {', '.join(config.levels) or 'unknown'}",
    ]
    row = _validation_row(config.card)
    cells = [f"{k} {v:.3g}" for k, v in row.items() if isinstance(v, (int, float)) and k not in BOOKKEEPING]
    return [*lines, f"validation: {'  '.join(cells)}"] if cells else lines


def _validation_row(card: dict[str, Any]) -> dict[str, Any]:
    """The validation table's row of the weights shipped, the last of the training's history if there is no other."""
    row = card.get("validation") or card.get("history") or {}
    row = row[-1] if isinstance(row, list) else row
    return row if isinstance(row, dict) else {}
