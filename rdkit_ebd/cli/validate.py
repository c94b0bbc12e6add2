"""What is wrong with a file before a long run? `rdkit-ebd validate`: every molecule is looked at, and none is made."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from rdkit_ebd.cli.columns import NameColumn, SmilesColumn
from rdkit_ebd.cli.common import PROBLEMS, count, in_one_line, progress, shown, usage_errors, written_or_reported

if TYPE_CHECKING:  # torch and RDKit are imported when they are needed: `--help` answers at once
    from rdkit import Chem

    from rdkit_ebd.generators.checkpoint import LoadedModel
    from rdkit_ebd.io.read import Entry

UNREADABLE, UNSUPPORTED = "unreadable", "unsupported"  # what embed fails on; the others are for the user to know
STEREO, SALT, TWICE = "with undefined stereochemistry", "of several components", "given twice"


def validate(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="As `embed` takes it.")],
    smiles_column: SmilesColumn = None,
    name_column: NameColumn = None,
    model: Annotated[str, typer.Option(help="Model that the molecules are for.")] = "default",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
) -> None:
    """List what is wrong with the molecules of a file, before a long run.

    On stdout a line for each finding: molecules that cannot be read or that the model does not treat, undefined
    stereochemistry (--stereo), salts (--strip-salts), molecules given twice by their InChIKey (--dedupe). Exit code: 0
    every molecule can be embedded, 1 some cannot, 2 wrong usage, 130 interrupted.

    Example: rdkit-ebd validate library.csv --smiles-column structure
    """
    found: Counter[str] = Counter()
    total = 0
    with written_or_reported("the list"):
        with usage_errors():
            from rdkit_ebd.generators.checkpoint import load_model
            from rdkit_ebd.io.columns import ColumnChoice
            from rdkit_ebd.io.conformer_runs import conformer_runs
            from rdkit_ebd.io.read import count_molecules, place, read_molecules

            loaded = load_model(model, "cpu")
            columns = ColumnChoice(smiles_column, name_column) if smiles_column or name_column else None
            expected, word = count_molecules(source, columns), place(source)
            entries = read_molecules(source, columns=columns)
        known: dict[str, int] = {}
        with progress(expected, quiet) as bar:
            for run in conformer_runs(entries, by_fields=True):
                total += 1
                for kind, remark in _findings(run[0], loaded, known, word).items():
                    found[kind] += 1
                    typer.echo(shown(f"{word} {run[0].number} ({run[0].name or 'no name'}): {remark}"))
                bar.update(len(run))
    if not quiet:
        parts = [f"{number} {kind}" for kind, number in found.items()]
        typer.echo(f"{count(total, 'molecule')}: {', '.join(parts) or 'nothing found'}", err=True)
    raise typer.Exit(PROBLEMS if found[UNREADABLE] or found[UNSUPPORTED] or not total else 0)


def _findings(entry: Entry, model: LoadedModel, known: dict[str, int], word: str) -> dict[str, str]:
    """What is to be known of a molecule, by kind."""
    if entry.mol is None:
        return {UNREADABLE: entry.problem}
    try:
        return _of_molecule(entry, entry.mol, model, known, word)
    except Exception as error:  # whatever RDKit raises, it is about this molecule
        return {UNREADABLE: in_one_line(error)}


def _of_molecule(entry: Entry, mol: Chem.Mol, model: LoadedModel, known: dict[str, int], word: str) -> dict[str, str]:
    from rdkit import Chem, rdBase

    from rdkit_ebd.chem.components import split
    from rdkit_ebd.chem.undefined_stereo import undefined_stereo
    from rdkit_ebd.embedding.component_task import as_known

    found: dict[str, str] = {}
    components = split(Chem.AddHs(mol, addCoords=mol.GetNumConformers() > 0), {})
    reasons = [reason for component in components for reason in as_known(component, model)[1]]
    if reasons:
        found[UNSUPPORTED] = f"model {model.config.name!r} cannot treat this molecule: {'; '.join(reasons)}"
    stereo = undefined_stereo(mol)
    if stereo:
        found[STEREO] = f"stereochemistry is not defined: {stereo}"
    if len(components) > 1:
        found[SALT] = f"it has {len(components)} components"
    with rdBase.BlockLogs():
        key = Chem.MolToInchiKey(Chem.RemoveHs(mol))
    earlier = known.setdefault(key, entry.number) if key else entry.number
    if earlier != entry.number:
        found[TWICE] = f"it is the molecule of {word} {earlier}, by its InChIKey {key}"
    return found
