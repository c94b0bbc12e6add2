"""How is it called from a shell? `rdkit-ebd` with its commands, and what models there are."""

from __future__ import annotations

import _thread
import json
import signal
import threading
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdkit_ebd.cli_bench import bench
from rdkit_ebd.cli_common import usage_errors
from rdkit_ebd.cli_embed import embed
from rdkit_ebd.cli_evaluate import evaluate
from rdkit_ebd.cli_refine import refine, score
from rdkit_ebd.train.commands import app as training

if TYPE_CHECKING:  # torch and RDKit are imported by the commands that need them: `--help` answers at once
    from rdkit_ebd.weights import ModelConfig

COMMANDS = "rdkit_ebd.commands"  # entry points with commands of other packages, each a typer function
BOOKKEEPING = ("step", "samples", "minutes", "loss", "norm")  # of the training, in the rows of its validation table

app = typer.Typer(
    help="Molecular conformers from Equivariant Blurring Diffusion.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
models = typer.Typer(help="The models that came with the package.", invoke_without_command=True)
app.add_typer(models, name="models")
app.add_typer(training, name="train")
app.command()(embed)
app.command()(refine)
app.command()(score)
app.command()(evaluate)
app.command()(bench)
for plugin in sorted(entry_points(group=COMMANDS), key=lambda entry: entry.name):
    app.command(plugin.name)(plugin.load())


def main() -> None:
    """Run the command line."""
    _hear_interrupts()
    app(prog_name="rdkit-ebd")


def _hear_interrupts() -> None:
    """Make Ctrl-C count whenever it comes.

    RDKit's embedding catches SIGINT, stops with a shorter answer and tells nobody, so that a Ctrl-C in the coarse
    stage would be lost (rdkit#8576). Here one thread alone receives the signal and hands it to RDKit and to Python.
    Call it before torch and NumPy start their threads: these must not receive it either.
    """
    if not hasattr(signal, "pthread_sigmask") or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return  # Windows, or run in the background, where the shell has it ignored
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_pass_interrupts_on, daemon=True).start()


def _pass_interrupts_on() -> None:
    while True:
        signal.sigwait({signal.SIGINT})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # ends RDKit's work, where that is in progress
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        _thread.interrupt_main()  # KeyboardInterrupt in the main thread, whoever had the handler


def _version(wanted: bool) -> None:
    if wanted:
        from rdkit_ebd import __version__

        typer.echo(f"rdkit-ebd {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Molecular conformers from Equivariant Blurring Diffusion."""


@models.callback()
def list_models(context: typer.Context) -> None:
    """List the models that came with the package."""
    if context.invoked_subcommand is not None:
        return
    from rdkit_ebd.weights import available_models, load_model

    for name, path in available_models().items():
        loaded = load_model(name, "cpu")
        typer.echo(f"{name}  {loaded.weights_hash}  {path.stat().st_size / 1e6:.1f} MB")
        for line in _described(loaded.config):
            typer.echo(f"  {line}")


@models.command("show")
def show_model(name: Annotated[str, typer.Argument(help="Name of a shipped model, or a .safetensors file.")]) -> None:
    """Print a model's card as JSON."""
    from rdkit_ebd.weights import model_path, read_config

    with usage_errors():
        config = read_config(model_path(name))
    typer.echo(json.dumps(config.card, indent=2, sort_keys=True))


@models.command("import")
def import_model(
    checkpoint: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Checkpoint of the published EBD, e.g. drugs_ckpt.pt.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model to write, NAME.safetensors.")],
    vocabulary: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Its fragments, JSON.", show_default="the default model's fifty"
        ),
    ] = None,
    ema: Annotated[bool, typer.Option("--ema/--no-ema", help="Take the moving average of the weights.")] = True,
) -> None:
    """Turn a checkpoint of the published EBD into a model of this package."""
    from rdkit_ebd.checkpoint_import import import_checkpoint, read_vocabulary

    with usage_errors():
        fragments = read_vocabulary(vocabulary) if vocabulary else None
        import_checkpoint(checkpoint, output, fragments, ema)
    if fragments is None:
        typer.echo("note: fragments are the default model's; --vocabulary takes those it was trained on", err=True)
    typer.echo(f"wrote {output}; embed with: --model {output}", err=True)


def _described(config: ModelConfig) -> list[str]:
    from rdkit.Chem import GetPeriodicTable

    symbol = GetPeriodicTable().GetElementSymbol
    lines = [
        f"elements: {' '.join(symbol(z) for z in config.elements)}; at most {config.max_atoms} atoms",
        f"prior: {config.blur.prior}; steps: {config.rounds} x {config.steps}; "
        f"trained on: {', '.join(config.levels) or 'not told'}",
    ]
    row = _validation_row(config.card)
    cells = [f"{k} {v:.3g}" for k, v in row.items() if isinstance(v, (int, float)) and k not in BOOKKEEPING]
    return [*lines, f"validation: {'  '.join(cells)}"] if cells else lines


def _validation_row(card: dict[str, Any]) -> dict[str, Any]:
    """The validation table's row of the weights shipped, the last of the training's history if there is no other."""
    row = card.get("validation") or card.get("history") or {}
    row = row[-1] if isinstance(row, list) else row
    return row if isinstance(row, dict) else {}


if __name__ == "__main__":
    main()
