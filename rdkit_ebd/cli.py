"""How is it called from a shell? `rdkit-ebd embed molecules.smi -o conformers.sdf`, and what models there are."""

from __future__ import annotations

import _thread
import json
import signal
import sys
import threading
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdkit_ebd.cli_common import PROBLEMS, check_method, count, in_one_line, progress, usage_errors, written_or_told
from rdkit_ebd.cli_evaluate import evaluate
from rdkit_ebd.cli_refine import refine, score
from rdkit_ebd.train.commands import app as training

if TYPE_CHECKING:  # torch and RDKit are imported by the commands that need them: `--help` answers at once
    from rdkit import Chem

    from rdkit_ebd.files import Entry, SDFWriter
    from rdkit_ebd.params import EBD
    from rdkit_ebd.report import EmbedReport
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
app.command()(refine)
app.command()(score)
app.command()(evaluate)
for plugin in sorted(entry_points(group=COMMANDS), key=lambda entry: entry.name):
    app.command(plugin.name)(plugin.load())


class Coarse(str, Enum):
    """Values of --coarse."""

    etkdg = "etkdg"
    dg = "dg"
    conformers = "conformers"


class Fallback(str, Enum):
    """Values of --fallback."""

    none = "none"
    etkdgv3 = "ETKDGv3"


@dataclass
class Tally:
    """What the summary counts. A molecule with fewer conformers than asked for is a failure, and is written."""

    molecules: int = 0
    conformers: int = 0
    failures: int = 0
    stereo_judged: int = 0
    stereo_right: int = 0

    def add(self, report: EmbedReport) -> None:
        """Count a molecule that was embedded."""
        self.conformers += len(report.ids)
        self.stereo_judged += report.stereo_judged
        self.stereo_right += report.stereo_right

    def summary(self, seconds: float) -> str:
        """One line."""
        words = [count(self.molecules, "molecule"), count(self.conformers, "conformer")]
        words.append(count(self.failures, "failure"))
        if self.stereo_judged:
            words.append(f"stereo yield {100 * self.stereo_right / self.stereo_judged:.1f} %")
        return ", ".join([*words, f"{seconds:.1f} s"])


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


@app.command("embed")
def embed_command(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help='A SMILES, a .smi or .sdf file (also .gz), or "-" for SMILES on stdin.'),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", help='SD file to write (.gz: compressed), or "-" for stdout.')
    ],
    num_confs: Annotated[int, typer.Option("-n", "--num-confs", min=1, help="Conformers per molecule.")] = 10,
    seed: Annotated[int, typer.Option(min=-1, help="Same seed, same conformers; -1: fresh ones every time.")] = 42,
    prune: Annotated[
        float, typer.Option(min=0, help="Drop what is this near a kept one, heavy-atom RMSD in angstrom; 0: nothing.")
    ] = 0.0,
    refine: Annotated[
        str | None,
        typer.Option(help="Relax with UFF, MMFF94s, openff-2.2.1, GFN2-xTB, ...", show_default="not at all"),
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="Energies by such a method.", show_default="that of --refine")
    ] = None,
    energy_window: Annotated[
        float | None, typer.Option(help="Drop what lies above the lowest by more, kcal/mol.", show_default="nothing")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Name of a shipped model (see `models`), or a .safetensors file.")
    ] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    steps: Annotated[int | None, typer.Option(min=1, help="Deblurring steps.", show_default="the model's own")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of them.", show_default="the model's own")] = None,
    coarse: Annotated[
        Coarse | None,
        typer.Option(
            help="Seeds: ETKDGv3, plain distance geometry, or those of an SD file.", show_default="the model's"
        ),
    ] = None,
    timeout: Annotated[int, typer.Option(min=0, help="Seconds for one molecule; 0: no limit.")] = 0,
    fallback: Annotated[Fallback, typer.Option(help="Who makes a conformer the model could not.")] = Fallback.none,
    threads: Annotated[int, typer.Option(help="CPU threads; 0: all, -n: all but n.")] = 0,
    hydrogens: Annotated[
        bool,
        typer.Option(
            "--hydrogens/--no-hydrogens",
            help="Add the hydrogens that are missing, to SMILES and SD records alike; "
            "or write the atoms of the input alone, its explicit hydrogens included.",
        ),
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only tell problems: no progress, no summary.")] = False,
) -> None:
    """Make conformers and write them to an SD file.

    Every conformer is a record of its own, with the name and SD properties of the molecule and with its own provenance
    (ebd_...). The stereochemistry of INPUT is that of the conformers. A molecule that cannot be embedded is told on
    stderr and does not stop the others. Exit code: 0 all is well, 1 some molecules failed or have fewer conformers
    than asked for, 2 wrong usage, 130 interrupted. OUTPUT appears once it is complete.
    """
    with written_or_told(output):
        params = _parameters(
            randomSeed=seed,
            pruneRmsThresh=prune,
            refine=refine,
            score=score,
            energyWindow=energy_window,
            model=model,
            device=device,
            numSteps=steps,
            numRounds=rounds,
            coarse=coarse.value if coarse else None,
            timeout=timeout,
            fallback=fallback.value,
            numThreads=threads,
        )
        tally = _embed_file(source, output, num_confs, params, hydrogens, quiet)
    raise typer.Exit(PROBLEMS if tally.failures else 0)


def _parameters(**values: Any) -> EBD:
    """Parameters that are known to work, the model loaded: what is wrong with them is told before any molecule."""
    import torch

    from rdkit_ebd.params import EBD
    from rdkit_ebd.weights import load_model

    with usage_errors():
        params = EBD(**values)
        params.validate()
        for method in filter(None, (params.refine, params.score)):
            check_method(method)
        load_model(params.model, params.device)
    if params.numThreads:  # otherwise torch's own choice, which knows of OMP_NUM_THREADS
        torch.set_num_threads(params.threads())
    return params


def _embed_file(source: str, output: str, num_confs: int, params: EBD, hydrogens: bool, quiet: bool) -> Tally:
    from rdkit_ebd.files import SDFWriter, count_molecules, place, read_molecules

    start, tally = time.perf_counter(), Tally()
    with ExitStack() as stack:
        with usage_errors():
            entries, total, word = read_molecules(source), count_molecules(source), place(source)
            writer = stack.enter_context(SDFWriter(output))
        bar = stack.enter_context(progress(total, quiet))
        for entry in entries:
            for note in _embed_entry(entry, writer, num_confs, params, hydrogens, tally):
                bar.write(f"{word} {entry.number} ({entry.name or 'no name'}): {note}", file=sys.stderr)
            bar.update()
            bar.set_postfix_str(f"{count(tally.conformers, 'conformer')}, {count(tally.failures, 'failure')}")
    if not quiet:
        typer.echo(tally.summary(time.perf_counter() - start), err=True)
    return tally


def _embed_entry(
    entry: Entry, writer: SDFWriter, num_confs: int, params: EBD, hydrogens: bool, tally: Tally
) -> list[str]:
    """Embed and write one molecule; what its reader must know comes back."""
    tally.molecules += 1
    if entry.mol is None:
        tally.failures += 1
        return [entry.problem]
    try:
        mol, report = _embed(entry.mol, num_confs, params, hydrogens)
    except Exception as error:  # whatever it is, it must not stop the others
        tally.failures += 1
        return [in_one_line(error)]
    writer.write(mol, entry.name)
    tally.add(report)
    tally.failures += not report.ok
    return report.messages if report.ok else [report.summary()]


def _embed(mol: Chem.Mol, num_confs: int, params: EBD, hydrogens: bool) -> tuple[Chem.Mol, EmbedReport]:
    from rdkit import Chem, rdBase

    from rdkit_ebd.api import EmbedWithReport

    if hydrogens:
        mol = Chem.AddHs(mol, addCoords=mol.GetNumConformers() > 0)
    with nullcontext() if hydrogens else rdBase.BlockLogs():  # RDKit's advice to add hydrogens was declined
        return mol, EmbedWithReport(mol, num_confs, params)


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
