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
) -> None:
    """Make a library ready for docking: EBD ensembles, one PDBQT per ring pucker, or SDF ensembles."""
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
        )
        with tqdm(total=count_molecules(source), unit=" ligands", desc="dock-prep") as bar:
            report = PrepareLibrary(source, out, settings, lambda entry: bar.update() and None)
    except (ValueError, FileNotFoundError, ImportError) as error:
        typer.echo(f"rdkit-ebd: {error}", err=True)
        raise typer.Exit(2) from error
    for number, name, reason in report.failed:
        typer.echo(f"{number} {name}: {reason}", err=True)
    done = report.ligands - len(report.failed)
    typer.echo(f"{done} of {report.ligands} ligands in {out} ({report.skipped} from an earlier run)", err=True)
    raise typer.Exit(1 if report.failed else 0)
