"""How are conformers ranked from a shell? `rdkit-ebd rank conformers.sdf --top 3 --table ranks.csv -o lowest.sdf`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdkit_ebd.cli.common import usage_errors
from rdkit_ebd.cli.conformer_work import Done, Steps, Table, mixed_isomers, work_through
from rdkit_ebd.cli.refine import Quiet, Source, Threads
from rdkit_ebd.cli.resuming import PART_SIZE, PartSize, Resume

if TYPE_CHECKING:  # RDKit is imported by the commands that need it: `--help` answers at once
    from rdkit import Chem

    from rdkit_ebd.ensemble.rank import Ranking

DEFAULT_METHOD = "MMFF94s"  # where records have no energies
BESIDE = ("number", "molecule", "record")  # columns of the table beside those of a ranking


def rank(
    source: Source,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help='SD file to write (or .xyz, .pdb; .gz: compressed), or "-" for stdout.'),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option("--table", help='CSV file to write, or "-" for stdout.', show_default="stdout where no -o is"),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Write the lowest so many of each molecule.", show_default="all")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="Method of the energies: UFF, MMFF94s, GFN2-xTB, ...",
            show_default=f"the energies in the records, else {DEFAULT_METHOD}",
        ),
    ] = None,
    temperature: Annotated[float, typer.Option(help="Of the Boltzmann weights, kelvin.")] = 298.15,
    cluster_rmsd: Annotated[
        float, typer.Option(min=0, help="Conformers this near are of one cluster, heavy-atom RMSD in angstrom.")
    ] = 1.0,
    representatives: Annotated[
        bool, typer.Option("--representatives", help="Write the lowest of each cluster alone.")
    ] = False,
    threads: Threads = 1,
    resume: Resume = False,
    part_size: PartSize = PART_SIZE,
    quiet: Quiet = False,
) -> None:
    """Rank the conformers of each molecule: energies, Boltzmann weights, clusters.

    Records that follow one another with the same name and the same atoms and bonds are conformers of one molecule,
    also where they show several of its stereoisomers, which the table tells apart. The table has a row for each record:
    number of the molecule, its name, record and conformer (by their place in INPUT and within the molecule, from 1),
    energy and relative_energy in kcal/mol, weight, cluster (1: that of the lowest), representative (the lowest of its
    cluster), stereoisomer, method, temperature. OUTPUT has the records, lowest first, with ebd_boltzmann_weight and
    ebd_cluster beside their energies. Weights are of all conformers of a molecule, whatever is written. Exit code: 0
    all records have energies, 1 some have not or could not be read, 2 wrong usage, 130 interrupted.

    Where INPUT is longer than one part, finished parts of OUTPUT, with their rows of the table, are kept in the folder
    OUTPUT.parts until they are joined. After Ctrl-C, a kill or a full disk the same command with --resume continues.

    Example: rdkit-ebd rank conformers.sdf --by GFN2-xTB --top 3 --table ranks.csv -o lowest.sdf
    """
    table = table or (None if output else "-")
    with usage_errors():
        from rdkit_ebd.ensemble.rank import Ranking
        from rdkit_ebd.ensemble.score import BoltzmannWeights
        from rdkit_ebd.io.sdf import check_table

        BoltzmannWeights([], temperature)
        if table == "-" and output == "-":
            raise ValueError("-o and --table cannot both be standard output")
        if resume and not output:
            raise ValueError("--resume continues an OUTPUT: give -o")
        if table:
            check_table(table, source)

    def work(mol: Chem.Mol) -> Done:
        return _done(mol, _ranked(mol, by, temperature, cluster_rmsd, threads), representatives, top, by)

    settings = {"command": "rank", "--by": by, "--temperature": temperature, "--cluster-rmsd": cluster_rmsd}
    settings |= {"--top": top, "--representatives": representatives, "--table": bool(table)}
    code = work_through(
        source,
        output,
        by or DEFAULT_METHOD,
        work,
        f"ranked with {by}" if by else "ranked",
        quiet,
        by_stereo=False,
        left_out="not among those asked for",
        steps=Steps(settings, resume, part_size),
        table=Table(table, [*BESIDE, *Ranking.columns]) if table else None,
    )
    raise typer.Exit(code)


def _ranked(mol: Chem.Mol, by: str | None, temperature: float, cluster_rmsd: float, threads: int) -> Ranking:
    from rdkit_ebd.ensemble.rank import RankConformers
    from rdkit_ebd.ensemble.score import unscored_method

    method = unscored_method(list(mol.GetConformers()), by, DEFAULT_METHOD)
    return RankConformers(mol, method, temperature=temperature, clusterRmsd=cluster_rmsd, numThreads=threads)


def _rows(mol: Chem.Mol, ranking: Ranking) -> list[dict[str, Any]]:
    """Of the table; records and conformers by their places."""
    places = {conformer.GetId(): k for k, conformer in enumerate(mol.GetConformers(), start=1)}
    name = mol.GetProp("_Name")
    return [
        {"molecule": name, "record": row["conformer"], **row, "conformer": places[row["conformer"]]}
        for row in ranking.rows()
    ]


def _done(mol: Chem.Mol, ranking: Ranking, representatives: bool, top: int | None, by: str | None) -> Done:
    from rdkit_ebd.io.conformer_runs import CLUSTER, RELATIVE_ENERGY, WEIGHT

    for k, index in enumerate(ranking.ids):
        conformer = mol.GetConformer(index)
        conformer.SetDoubleProp(RELATIVE_ENERGY, ranking.relative[k])
        conformer.SetDoubleProp(WEIGHT, ranking.weights[k])
        conformer.SetIntProp(CLUSTER, ranking.clusters[k])
    order = (ranking.representatives if representatives else ranking.ids)[:top]
    failures = sum(energy != energy for energy in ranking.energies)
    notes = [f"{failures} of {len(ranking.ids)} records without energy"] * bool(failures)
    notes += mixed_isomers(ranking.stereoisomers, "ranked")
    remarks = [] if by else [f"energies are by {ranking.method}; --by chooses another method"]
    return Done(order, failures, len(ranking.ids) - len(order), notes, [*ranking.notes, *remarks], _rows(mol, ranking))
