"""How is docking preparation called from a shell? `rdkit-ebd dock-prep library.smi -o folder`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def dock_prep(
    source: Annotated[str, typer.Argument(help="SMILES, or a .smi or .sdf file; each molecule as it is protonated.")],
    out: Annotated[Path, typer.Option("--out", "-o", file_okay=False, help="Folder; the same command resumes it.")],
    num_confs: Annotated[int, typer.Option("--num-confs", "-n", min=1, help="Conformers before pruning.")] = 20,
    output_format: Annotated[
        str, typer.Option("--format", help="pdbqt (Vina, by pucker), or sdf (ensemble).")
    ] = "pdbqt",
    seed: Annotated[int, typer.Option(help="Random seed.")] = 42,
    prune: Annotated[float, typer.Option(help="RMSD below which conformers are the same, angstrom.")] = 0.5,
    energy_window: Annotated[float, typer.Option(help="Above the lowest, kcal/mol.")] = 10.0,
    score: Annotated[str, typer.Option(help="Method of the energies.")] = "MMFF94s",
    max_puckers: Annotated[int, typer.Option(min=1, help="Ring puckers that become ligands.")] = 4,
    model: Annotated[str, typer.Option(help="EBD model.")] = "default",
    stereo: Annotated[
        str, typer.Option(help="Undefined stereo: enumerate (each isomer is a ligand), refuse, or keep (mixed).")
    ] = "enumerate",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only problems: no progress, no summary.")] = False,
) -> None:
    """Make a library ready for docking: EBD ensembles, one PDBQT per ring pucker, or SDF ensembles.

    Exit code: 0 all is well, 1 some ligands failed or there are none, 2 wrong usage, 130 interrupted.
    """
    from tqdm import tqdm

    from rdkit_ebd.io import count_molecules
    from rdkit_ebd_docking.library import PrepareLibrary
    from rdkit_ebd_docking.ligand import DockPrep

    try:
        settings = DockPrep(
            numConfs=num_confs,
            randomSeed=seed,
            pruneRmsThresh=prune,
            score=score,
            energyWindow=energy_window,
            maxPuckers=max_puckers,
            format=output_format,
            model=model,
            stereo=stereo,
        )
        # None: shown where standard error is a terminal, so that log files stay readable
        with tqdm(total=count_molecules(source), unit=" ligands", desc="dock-prep", disable=quiet or None) as bar:
            report = PrepareLibrary(source, out, settings, lambda entry: bar.update() and None)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command continues in {out}", err=True)
        raise typer.Exit(130) from None
    except (ValueError, OSError, ImportError) as error:
        typer.echo(f"rdkit-ebd: {_shown(str(error))}", err=True)
        raise typer.Exit(2) from None
    for number, name, text in [*report.isomers, *report.failed]:
        typer.echo(_shown(f"record {number} ({name}): {text}"), err=True)
    if not report.ligands:
        typer.echo(f"{source} holds no molecules", err=True)
    done = report.ligands - len(report.failed)
    if not quiet:
        typer.echo(f"{done} of {report.ligands} ligands in {out} ({report.skipped} from an earlier run)", err=True)
    raise typer.Exit(1 if report.failed or not report.ligands else 0)


def _shown(text: str) -> str:
    """A text for the terminal: control characters of a name are written as their codes."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
