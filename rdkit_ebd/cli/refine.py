"""How are conformers refined and scored from a shell? `rdkit-ebd refine` and `rdkit-ebd score`, SD file to SD file."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdkit_ebd.cli.cluster import Address, ShardForm, WhichRunner
from rdkit_ebd.cli.common import count
from rdkit_ebd.cli.conformer_work import Done, Steps, mixed_isomers, work_through
from rdkit_ebd.cli.energy_shards import EnergyOptions, is_folder
from rdkit_ebd.cli.resuming import PART_SIZE, PartSize, Resume

if TYPE_CHECKING:  # RDKit is imported by the commands that need it: `--help` answers at once
    from rdkit import Chem

Source = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help='A file with coordinates (.sdf, .mol, .mol2, .mae, .pdb, .xyz, also .gz), or "-" for SD on stdin.',
    ),
]
Output = Annotated[
    str, typer.Option("-o", "--output", help='SD file to write (or .xyz, .pdb; .gz: compressed), or "-" for stdout.')
]
Method = Annotated[
    str,
    typer.Option("-m", "--method", help="UFF, MMFF94s, MMFF94s/OpenMM, openff-2.2.1, GFN2-xTB, GFN2-xTB/water, ..."),
]
Threads = Annotated[int, typer.Option(min=-10_000, max=10_000, help="Processes; 0: all cores, -n: all but n.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only problems: no progress, no summary.")]


def refine(
    source: Source,
    output: Output,
    method: Method = "MMFF94s",
    max_iters: Annotated[int, typer.Option(min=1, max=1_000_000, help="Iterations of the minimiser at most.")] = 5000,
    restraint: Annotated[
        float,
        typer.Option(min=0, max=1e6, help="k of k |x - start|^2 on every heavy atom, kcal/mol/angstrom^2; 0: none."),
    ] = 0.0,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds for the conformers of one molecule; 0: no limit.")] = 0,
    threads: Threads = 1,
    runner: WhichRunner = None,
    address: Address = None,
    form: ShardForm = None,
    resume: Resume = False,
    part_size: PartSize = PART_SIZE,
    quiet: Quiet = False,
) -> None:
    """Relax the conformers of an SD file; each record stays at its place, with its properties.

    Records that follow one another with the same name and the same atoms and bonds are conformers of one molecule.
    All hydrogens are explicit. A record that would lose its stereochemistry, or cannot be treated, is written as it
    was, with the reason (ebd_refine_problem), and named on stderr. Exit code: 0 all conformers are minima, 1 some are
    not or could not be read, 2 wrong usage, 130 interrupted. OUTPUT appears once it is complete.

    Where INPUT is longer than one part, finished parts are kept in the folder OUTPUT.parts until they are joined. After
    Ctrl-C, a kill or a full disk the same command with --resume continues from them.

    Where INPUT is a folder of Parquet shards and OUTPUT is FOLDER/, each shard becomes another, on --threads or a
    cluster.
    """
    options = {"maxIters": max_iters, "restraint": restraint, "timeout": timeout, "numThreads": threads}
    work = partial(_refined, method=method, options=options)
    settings = {"command": "refine", "--max-iters": max_iters, "--restraint": restraint, "--timeout": timeout}
    if is_folder(output, runner, form):
        options["numThreads"] = 1
        job = EnergyOptions(source, output, method, settings, runner, address, threads, form)
        raise typer.Exit(job.run(resume, quiet, refines=True, options=options))
    steps = Steps(settings, resume, part_size)
    raise typer.Exit(work_through(source, output, method, work, f"refined with {method}", quiet, steps=steps))


def score(
    source: Source,
    output: Output,
    method: Method = "MMFF94s",
    energy_window: Annotated[
        float | None,
        typer.Option(
            min=0, help="Leave out what lies above the molecule's lowest by more, kcal/mol.", show_default="none"
        ),
    ] = None,
    sort: Annotated[bool, typer.Option("--sort", help="Lowest energy first, within each molecule.")] = False,
    threads: Threads = 1,
    runner: WhichRunner = None,
    address: Address = None,
    form: ShardForm = None,
    resume: Resume = False,
    part_size: PartSize = PART_SIZE,
    quiet: Quiet = False,
) -> None:
    """Give the conformers of an SD file energies, as they are.

    Records that follow one another with the same name and the same atoms and bonds are conformers of one molecule.
    All hydrogens are explicit. Energies are in kcal/mol: ebd_energy, and ebd_relative_energy above the molecule's
    lowest. A record that cannot be scored is kept, and named on stderr. Exit code: 0 all records have energies, 1 some
    have not or could not be read, 2 wrong usage, 130 interrupted. OUTPUT appears once it is complete.

    Where INPUT is longer than one part, finished parts are kept in the folder OUTPUT.parts until they are joined. After
    Ctrl-C, a kill or a full disk the same command with --resume continues from them.

    Where INPUT is a folder of Parquet shards and OUTPUT is FOLDER/, each shard becomes another, on --threads or a
    cluster, in the order that it has (no --sort).
    """
    settings = {"command": "score", "--energy-window": energy_window, "--sort": sort}
    if is_folder(output, runner, form):
        job = EnergyOptions(source, output, method, settings, runner, address, threads, form)
        raise typer.Exit(job.run(resume, quiet, refines=False, window=energy_window, sort=sort))
    work = partial(_scored, method=method, window=energy_window, sort=sort, threads=threads)
    steps = Steps(settings, resume, part_size)
    phrase = f"scored with {method}"
    raise typer.Exit(work_through(source, output, method, work, phrase, quiet, by_stereo=False, steps=steps))


def _refined(mol: Chem.Mol, method: str, options: dict[str, Any]) -> Done:
    from rdkit_ebd.ensemble.refine import RefineWithReport

    report = RefineWithReport(mol, method, **options)
    failures = len(report.ids) - report.converged
    return Done(report.ids, failures, notes=[] if report.ok else [report.summary()], remarks=report.notes)


def _scored(mol: Chem.Mol, method: str, window: float | None, sort: bool, threads: int) -> Done:
    from rdkit_ebd.chem.conformers import positions
    from rdkit_ebd.chem.undefined_stereo import isomers_shown
    from rdkit_ebd.ensemble.score import FilterEnergyWindow, RelativeEnergies, SortConformers, score
    from rdkit_ebd.io.conformer_runs import RELATIVE_ENERGY

    ids = [conformer.GetId() for conformer in mol.GetConformers()]
    energies, obstacle, remarks = score(mol, method, numThreads=threads)
    for conformer, energy in zip(mol.GetConformers(), RelativeEnergies(energies), strict=True):
        conformer.SetDoubleProp(RELATIVE_ENERGY, energy)
    order = SortConformers(mol) if sort else ids
    within = FilterEnergyWindow(mol, math.inf if window is None else window)
    failures = sum(map(math.isnan, energies))
    notes = [obstacle or f"{failures} of {count(len(ids), 'conformer')} without energy"] * bool(failures)
    notes += mixed_isomers(isomers_shown(mol, positions(list(mol.GetConformers()))), "scored")
    return Done([i for i in order if i in within], failures, len(ids) - len(within), notes, remarks)
