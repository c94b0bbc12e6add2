"""Which records of a file are conformers of one molecule? Those that follow one another and differ in nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from typing import Any

from rdkit_ebd.chem.provenance import PROVENANCE
from rdkit_ebd.io.read import Entry

RELATIVE_ENERGY = "ebd_relative_energy"  # SD property, kcal/mol above the lowest record of the molecule
WEIGHT = "ebd_boltzmann_weight"  # SD property, population at equilibrium among the records of the molecule
CLUSTER = "ebd_cluster"  # SD property, number of the cluster among those of the molecule
RANKS = (RELATIVE_ENERGY, WEIGHT, CLUSTER)
OF_CONFORMERS = frozenset({*PROVENANCE, *RANKS})  # SD properties that each conformer has its own of


def conformer_runs(
    entries: Iterable[Entry], *, by_stereo: bool = True, by_fields: bool = False
) -> Iterator[list[Entry]]:
    """Runs of entries that are conformers of one molecule: of one name, with the same atoms and bonds in one order.

    Args:
        entries: In the order of the file; one that could not be read is on its own.
        by_stereo: Whether stereoisomers are different molecules: a minimiser must keep each record's own. Not where
            energies are compared, as a molecule of undefined stereochemistry has conformers of several.
        by_fields: Whether records with different SD fields are different molecules, and records without coordinates in
            three dimensions are: where several records become one molecule, nothing that they say may be lost. What
            this package writes of a conformer (its energy, where it comes from) is no difference.

    Returns:
        Lists of at least one entry, which together are the entries.
    """
    for _, run in groupby(entries, partial(_identity, by_stereo=by_stereo, by_fields=by_fields)):
        yield list(run)


def _identity(entry: Entry, by_stereo: bool, by_fields: bool) -> Any:
    """Equal for conformers of one molecule whose atoms and bonds are in the same order."""
    if entry.mol is None:
        return entry.number
    atoms, bonds = list(entry.mol.GetAtoms()), list(entry.mol.GetBonds())
    kinds = [(a.GetAtomicNum(), a.GetIsotope(), a.GetFormalCharge(), a.GetNumRadicalElectrons()) for a in atoms]
    links = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx(), b.GetBondType()) for b in bonds]
    stereo = [*(a.GetChiralTag() for a in atoms), *(b.GetStereo() for b in bonds)] if by_stereo else []
    solid = entry.mol.GetNumConformers() > 0 and entry.mol.GetConformer().Is3D()
    if by_fields and not solid:
        return entry.number
    return entry.name, kinds, links, stereo, solid, _fields(entry) if by_fields else {}


def _fields(entry: Entry) -> dict[str, str]:
    """What a record says beyond its atoms, but for what this package says of a conformer."""
    assert entry.mol is not None
    return {name: entry.mol.GetProp(name) for name in entry.mol.GetPropNames() if name not in OF_CONFORMERS}
