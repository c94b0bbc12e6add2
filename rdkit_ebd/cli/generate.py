"""How are whole molecules made from a shell? `rdkit-ebd generate -n 1000 -o molecules.sdf`, resumable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rdkit_ebd.cli.common import PROBLEMS, usage_errors, written_or_reported
from rdkit_ebd.cli.generate_run import GenerateTally, generate_manifest, run_generate
from rdkit_ebd.cli.resuming import Resume, check_resumable, finished_before, mark_if_file

if TYPE_CHECKING:  # torch and RDKit are imported when they are needed: `--help` answers at once
    from rdkit import Chem

_PART = 1000


def _span(atoms: str | None) -> int | tuple[int, int] | None:
    if atoms is None:
        return None
    ends = atoms.split("-")
    if not 1 <= len(ends) <= 2 or not all(end.isdecimal() for end in ends):
        raise ValueError(f"--atoms must be a number or a span such as 15-20, not {atoms!r}")
    return int(ends[0]) if len(ends) == 1 else (int(ends[0]), int(ends[1]))


def generate(
    output: Annotated[
        str, typer.Option("-o", "--output", help='SD file to write (.gz: compressed), or "-" for stdout.')
    ],
    count: Annotated[int, typer.Option("-n", "--number", min=1, help="Molecules to draw.")] = 100,
    atoms: Annotated[
        str | None,
        typer.Option(metavar="N|A-B", help="Atoms of each, hydrogens included.", show_default="as in the training set"),
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Wanted polarizability, bohr^3.")] = None,
    gap: Annotated[float | None, typer.Option(help="Wanted HOMO-LUMO gap, hartree.")] = None,
    homo: Annotated[float | None, typer.Option(help="Wanted HOMO energy, hartree.")] = None,
    lumo: Annotated[float | None, typer.Option(help="Wanted LUMO energy, hartree.")] = None,
    mu: Annotated[float | None, typer.Option(help="Wanted dipole moment, debye.")] = None,
    cv: Annotated[float | None, typer.Option(help="Wanted heat capacity at 298 K, cal/(mol K).")] = None,
    draw: Annotated[
        list[str] | None,
        typer.Option(metavar="PROPERTY", help="Property whose value is drawn for each, as in the training set."),
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(min=0, help="How strongly those pull; 1: as learnt.", show_default="2")
    ] = None,
    core: Annotated[
        str | None,
        typer.Option(help="SD or mol file of a 3D fragment whose atoms stay; it grows where it lacks hydrogens."),
    ] = None,
    seed: Annotated[int, typer.Option(min=-1, help="Same seed, same molecules; -1: fresh ones every time.")] = 42,
    embed: Annotated[
        int, typer.Option(min=0, help="Conformers EBD makes of each, to say how far the drawn pose is from them.")
    ] = 0,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Evaluations of the network.", show_default="the model's own")
    ] = None,
    restarts: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Times a skeleton whose bonds do not fill its valences is drawn again.",
            show_default="the model's own",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="Name of a shipped model, or the .safetensors file of one you fitted.")
    ] = "edm-qm9",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: all, -n: all but n.")] = 1,
    resume: Resume = False,
    part_size: Annotated[int, typer.Option(min=1, help="Molecules in one part, which --resume has or not.")] = _PART,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only problems: no progress, no summary.")] = False,
) -> None:
    """Draw whole molecules from noise and write them to an SD file.

    What is drawn and is no molecule (its atoms fall apart, or no bond orders fill their valences) is counted by
    cause on stderr and not written. Molecule k depends on the seed and on k alone. Exit code: 0 molecules were written,
    1 none of those drawn is one, 2 wrong usage, 130 interrupted. OUTPUT appears once it is complete.

    Where more than one part is drawn, finished parts are kept in the folder OUTPUT.parts until they are joined; after
    an interruption the same command with --resume continues from them. There are no parts with --seed -1 or to stdout.
    """
    with written_or_reported(output):
        with usage_errors():
            from rdkit_ebd.io.sdf import check_output
            from rdkit_ebd.molecules.generate import make_plan

            check_output(output)
            if resume:
                check_resumable("", output)
            if resume and seed == -1:
                raise ValueError("--resume needs a --seed other than -1")
            values = {"alpha": alpha, "gap": gap, "homo": homo, "lumo": lumo, "mu": mu, "cv": cv}
            if twice := [name for name in draw or () if values.get(name) is not None]:
                raise ValueError(f"--draw {twice[0]} and --{twice[0]} {values[twice[0]]:g}: only one of them")
            plan = make_plan(
                model,
                _span(atoms),
                {name: value for name, value in values.items() if value is not None} | dict.fromkeys(draw or ()),
                seed,
                core=_fragment(core),
                embed=embed,
                numSteps=steps,
                numRestarts=restarts,
                guidance=guidance,
                device=device,
                numThreads=threads,
            )
            manifest = generate_manifest(plan, count, core, part_size)
            found = finished_before(output, manifest) if resume else None
        if found:
            tally = GenerateTally(**found)
            typer.echo(f"{output} is finished already: {tally.summary(0.0)}", err=True)
        else:
            tally = run_generate(plan, count, output, manifest, seed != -1, resume, part_size, quiet)
            if seed != -1:
                mark_if_file("", output, manifest, tally.to_dict())
    raise typer.Exit(0 if tally.valid else PROBLEMS)


def _fragment(path: str | None) -> Chem.Mol | None:
    """The fragment of a file, with the hydrogens that it has as atoms and no others.

    Raises:
        ValueError: The file holds no molecule with coordinates.
        OSError: It cannot be read.
    """
    if path is None:
        return None
    from rdkit import Chem

    with open(path, encoding="utf-8", errors="replace") as stream:
        block = stream.read().partition("$$$$")[0]
    mol = Chem.MolFromMolBlock(block, removeHs=False)
    if mol is None:
        raise ValueError(f"--core: RDKit cannot read {path}")
    return mol
