"""How are conformers made from a shell? `rdkit-ebd embed molecules.smi -o conformers.sdf`, for files of any size."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdkit_ebd.cli.cluster import Address, ChunkSize, DryRun, Form, GPUs, Price, ShardForm, WhichRunner, place_of
from rdkit_ebd.cli.columns import NameColumn, SmilesColumn
from rdkit_ebd.cli.common import PROBLEMS, count, usage_errors, written_or_reported
from rdkit_ebd.cli.config import Config, RetiredWeight, SaveConfig, save_config
from rdkit_ebd.cli.core import Atoms, Common, Reference, Smarts, core_choice
from rdkit_ebd.cli.embed_job import BY_ROTORS, FileJob, Tally, manifest
from rdkit_ebd.cli.embed_run import nothing_made, run
from rdkit_ebd.cli.embed_shards import ShardsJob, dry_run, is_sharded, run_shards
from rdkit_ebd.cli.embed_tables import checked_tables
from rdkit_ebd.cli.resuming import PART_SIZE, PartSize, Resume, check_resumable, finished_before, mark_if_file

if TYPE_CHECKING:  # torch and RDKit are imported when they are needed: `--help` answers at once
    from rdkit_ebd.params import EBD


class Coarse(str, Enum):
    """Values of --coarse."""

    torsions = "torsions"
    etkdg = "etkdg"
    skeleton = "skeleton"
    dg = "dg"
    conformers = "conformers"


class Preset(str, Enum):
    """Values of --preset."""

    dft = "dft"
    nmr = "nmr"
    docking = "docking"
    shape = "shape"
    fast = "fast"


class Fallback(str, Enum):
    """Values of --fallback."""

    none = "none"
    etkdgv3 = "ETKDGv3"


class Protonate(str, Enum):
    """Values of --protonate."""

    dimorphite = "dimorphite"
    molscrub = "molscrub"


class Stereo(str, Enum):
    """Values of --stereo."""

    keep = "keep"
    enumerate = "enumerate"
    refuse = "refuse"


def _conformers(value: str) -> str:
    if value != BY_ROTORS and not (value.isdecimal() and int(value) > 0):
        raise typer.BadParameter(f"{value!r} is neither a number of at least 1 nor {BY_ROTORS!r}")
    return value


def embed(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A SMILES or InChI; a file (.smi, .csv, .tsv, .parquet, .json, .inchi, .sdf, .mol, .mol2, .mae, .pdb, "
            '.xyz, also .gz and .zst); "-" for SMILES lines or SD records on stdin; for a folder of shards also a '
            "folder, a pattern or an address such as s3://bucket/library.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            help='SD file to write (or .xyz, .pdb; .gz: compressed), "-" for stdout, or FOLDER/ for shards.',
        ),
    ],
    num_confs: Annotated[
        str,
        typer.Option(
            "-n",
            "--num-confs",
            metavar="N|rotors",
            callback=_conformers,
            help="Conformers per molecule; rotors: 50, 200 or 300 for up to 7, 8-12 or more rotatable bonds.",
        ),
    ] = "10",
    seed: Annotated[int, typer.Option(min=-1, help="Same seed, same conformers; -1: fresh ones every time.")] = 42,
    prune: Annotated[
        float, typer.Option(min=0, help="Drop what is this near a kept one, heavy-atom RMSD in angstrom; 0: nothing.")
    ] = 0.0,
    preset: Annotated[
        Preset | None,
        typer.Option(help="Settings for a purpose, unless said otherwise: low energies, weights, spread, least time."),
    ] = None,
    over_sample: Annotated[
        float | None, typer.Option(min=1, help="Conformers to make for each kept, the most diverse; 1: keep all.")
    ] = None,
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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    steps: Annotated[int | None, typer.Option(min=1, help="Deblurring steps.", show_default="the model's own")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of them.", show_default="the model's own")] = None,
    coarse: Annotated[
        Coarse | None,
        typer.Option(
            help="Seeds: bonds of a few turned, ETKDGv3, the same of heavy atoms alone, plain distance geometry, or "
            "those of an SD file.",
            show_default="the model's",
        ),
    ] = None,
    seed_pool: Annotated[
        int | None,
        typer.Option(min=1, help="Seeds to choose from for each, the least alike.", show_default="the model's own"),
    ] = None,
    quality_weight: RetiredWeight = None,
    stereo: Annotated[
        Stereo,
        typer.Option(help="Undefined stereo: mix the isomers and say so, embed each as NAME_s1, ..., or embed none."),
    ] = Stereo.keep,
    timeout: Annotated[int, typer.Option(min=0, help="Seconds for one molecule; 0: no limit.")] = 0,
    fallback: Annotated[Fallback, typer.Option(help="Who makes a conformer the model could not.")] = Fallback.none,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1000,
            help="Processes that embed, each with one thread; 0: none but this one.",
            show_default="one per core; 0 for one molecule or with --threads",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="CPU threads of this process, which then embeds without workers; 0: all, -n: all but n.",
            show_default="1",
        ),
    ] = None,
    core: Reference = None,
    mcs: Common = False,
    smarts: Smarts = None,
    atoms: Atoms = None,
    smiles_column: SmilesColumn = None,
    name_column: NameColumn = None,
    strip_salts: Annotated[
        bool, typer.Option("--strip-salts", help="Keep the largest organic component of each molecule; it is reported.")
    ] = False,
    neutralise: Annotated[
        bool, typer.Option("--neutralise", help="Take charges off that protons can take off; it is reported.")
    ] = False,
    protonate: Annotated[
        Protonate | None,
        typer.Option(
            help="Who says which states a molecule has at --ph, each of which is embedded (NAME_p1, ...): dimorphite "
            "(protonation) or molscrub (tautomers, too); each is a package of its own.",
            show_default="nobody",
        ),
    ] = None,
    ph: Annotated[float, typer.Option("--ph", min=0, max=14, help="pH of --protonate.")] = 7.4,
    dedupe: Annotated[
        bool,
        typer.Option("--dedupe", help="Leave out what has the InChIKey of an earlier molecule; it is reported."),
    ] = False,
    hydrogens: Annotated[
        bool,
        typer.Option(
            "--hydrogens/--no-hydrogens",
            help="Add the hydrogens that are missing, to SMILES and SD records alike; "
            "or write the atoms of the input alone, its explicit hydrogens included.",
        ),
    ] = True,
    runner: WhichRunner = None,
    address: Address = None,
    gpus_per_actor: GPUs = None,
    chunk: ChunkSize = None,
    form: ShardForm = None,
    dry: DryRun = False,
    price: Price = None,
    resume: Resume = False,
    part_size: PartSize = PART_SIZE,
    report: Annotated[
        str | None, typer.Option("--report", help="CSV file to write, a row for each molecule.", show_default="none")
    ] = None,
    failed: Annotated[
        str | None,
        typer.Option(
            "--failed",
            help="CSV file to write, a row for each molecule that failed, with the cause; it can be an INPUT again.",
            show_default="none",
        ),
    ] = None,
    config: Config = None,
    save: SaveConfig = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only problems: no progress, no summary.")] = False,
) -> None:
    """Make conformers and write them to an SD file.

    Every conformer is a record of its own, with the name and SD properties of the molecule and with its own provenance
    (ebd_...). The stereochemistry of INPUT is that of the conformers. SD records that follow one another and differ in
    nothing but coordinates and energies are conformers of one molecule, which is embedded once. A molecule that cannot
    be embedded is named on stderr and does not stop the others. Exit code: 0 all is well, 1 some molecules failed or
    have fewer conformers than asked for, 2 wrong usage, 130 interrupted. OUTPUT appears once it is complete,
    and only if there is a conformer to write.

    Where INPUT is longer than one part, finished parts are kept in the folder OUTPUT.parts until they are joined. After
    Ctrl-C, a kill or a full disk the same command with --resume continues from them, and makes the file that the first
    run would have made. There are no parts with --seed -1, nor from stdin, nor to stdout.

    Where OUTPUT is a folder (FOLDER/, an address, or with --runner, --chunk or --format), each chunk of INPUT becomes a
    shard in it, with a manifest and a table of failures; each line or record is a molecule of its own.
    """
    with written_or_reported(output):
        with usage_errors():
            place = place_of(runner, address, gpus_per_actor, workers, chunk)
            sharded = dry or is_sharded(output, place, form)
            if sharded:
                _check_shards(seed, threads, hydrogens, report or failed)
            if workers and threads is not None:
                raise ValueError("--threads is for embedding in this process; a worker has one thread: choose one")
            if resume and not sharded:
                check_resumable(source, output)
                if seed == -1:
                    raise ValueError(
                        "--resume needs a --seed other than -1: fresh conformers are not those of the first run"
                    )
        params = _parameters(
            preset,
            randomSeed=seed,
            pruneRmsThresh=prune,
            overSample=over_sample,
            seedPool=seed_pool,
            refine=refine,
            score=score,
            energyWindow=energy_window,
            model=model,
            device=device,
            numSteps=steps,
            numRounds=rounds,
            coarse=coarse.value if coarse else None,
            stereo=stereo.value,
            timeout=timeout,
            fallback=fallback.value,
            numThreads=1 if threads is None else threads,
        )
        with usage_errors():
            from rdkit_ebd.api import check_count
            from rdkit_ebd.io.changes import Changes
            from rdkit_ebd.io.columns import ColumnChoice
            from rdkit_ebd.io.protonation import protonator
            from rdkit_ebd.io.read import count_molecules
            from rdkit_ebd.io.sdf import check_output

            columns = ColumnChoice(smiles_column, name_column) if smiles_column or name_column else None
            changes, held = Changes(dedupe, strip_salts, neutralise), core_choice(core, mcs, smarts, atoms)
            states = protonate.value if protonate else None
            if states:
                protonator(states, ph)
            if sharded:
                _ = num_confs == BY_ROTORS or check_count(int(num_confs))
                if save:
                    save_config(ctx, save)
                shape = form.value if form else Form.parquet.value
                todo = ShardsJob(source, output, num_confs, params, place, shape, columns, changes, held, states, ph)
                raise typer.Exit(dry_run(todo, price) if dry else run_shards(todo, resume, quiet))
            check_output(output, source)
            tables = checked_tables(report, failed, source)
            if num_confs != BY_ROTORS:
                check_count(int(num_confs))
            total = count_molecules(source, columns)
            if total == 0:
                raise ValueError(f"{source} holds no molecules")
            crew = _workers(workers, threads, total)
            job = FileJob(
                source,
                output,
                num_confs,
                params,
                hydrogens,
                crew,
                held,
                tables.wanted,
                columns,
                changes,
                states,
                ph,
            )
            if held:
                held.finder()
            if save:
                save_config(ctx, save)
            found = finished_before(output, manifest(job, part_size)) if resume else None
            before = Tally(**found) if found else None
        tally = before or run(job, total, resume, part_size, quiet, tables)
        if before:
            typer.echo(f"{output} is finished already: {before.summary(0.0, before.molecules)}", err=True)
            if tables.wanted:
                typer.echo("no table was written: it comes with the run that finishes the output", err=True)
        elif nothing_made(tally, output):
            unwritten = "nothing was" if output == "-" else f"{output} was not"
            typer.echo(f"{unwritten} written: none of {count(tally.molecules, 'molecule')} has conformers", err=True)
        elif seed != -1:
            mark_if_file(source, output, manifest(job, part_size), asdict(tally))
        if not tally.molecules:
            typer.echo(f"{source} holds no molecules", err=True)
    raise typer.Exit(PROBLEMS if tally.failures or not tally.molecules else 0)


def _check_shards(seed: int, threads: int | None, hydrogens: bool, table: str | None) -> None:
    """See that nothing is asked for that shards cannot have."""
    if seed == -1:
        raise ValueError("a folder of shards needs a --seed other than -1: a shard that is made again is the same")
    if threads is not None:
        raise ValueError("--threads is for one file: each worker of a run in shards has one thread")
    if not hydrogens:
        raise ValueError("--no-hydrogens is for one file: shards have all hydrogens")
    if table:
        raise ValueError("--report and --failed are for one file: a folder of shards has failures.csv")


def _workers(workers: int | None, threads: int | None, total: int | None) -> int:
    """How many processes embed beside this one: settled here, as little may be left of a job that is resumed."""
    from rdkit_ebd.library.runner import default_workers
    from rdkit_ebd.runtime.processes import SUPPORTED

    if workers and not SUPPORTED:
        raise ValueError("--workers needs a POSIX system; --workers 0 does without them")
    if total == 1 or threads is not None:
        return 0
    return default_workers() if workers is None else workers


def _parameters(preset: Preset | None, **values: Any) -> EBD:
    """Parameters that are known to work, the model loaded: what is wrong with them is said before any molecule."""
    from rdkit_ebd.generators.checkpoint import load_model
    from rdkit_ebd.params import EBD

    with usage_errors():
        given = {name: value for name, value in values.items() if value is not None}
        params = EBD.preset(preset.value, **given) if preset else EBD(**given)
        params.validate()
        params.require_engines()
        load_model(params.model, params.device)
    return params
