"""How good are molecules that were made from noise? The EDM paper's measures, and some that it has not.

Stability, validity, uniqueness and novelty are those of Hoogeboom et al., ICML 2022: bonds come from distance tables,
a molecule is valid if RDKit sanitises it, unique are the different largest fragments among the valid, novel those that
the training molecules do not have. Connected are valid molecules of one fragment. `shapes` are `generated_shape`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field

import numpy as np
from rdkit import Chem, rdBase

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.evaluation.busters import bust
from rdkit_ebd.evaluation.generated_shape import shape_distances
from rdkit_ebd.judge.distance_bonds import check_elements, stability
from rdkit_ebd.judge.generated_mol import bonded, canonical, sanitised
from rdkit_ebd.potentials import get_potential

STRAIN_STEPS = 2000


@dataclass(frozen=True)
class GeneratedQuality:
    """Shares are of all molecules unless they say otherwise; None is what was not asked for.

    Attributes:
        molecules: How many there are.
        atoms_stable: Share of atoms whose bonds add up to a valency.
        stable: Share of molecules all of whose atoms are stable.
        valid: Share that RDKit sanitises.
        unique: Different ones, as a share of the valid.
        valid_and_unique: Different ones, as a share of all.
        connected: Share that is valid and of one fragment.
        novel: Share of the different ones that are not among the known.
        posebusters: Share of the connected ones tested that pass PoseBusters.
        strain: Median energy, kcal/mol, that the connected ones tested release when they are minimised.
        shapes: Jensen-Shannon distances from a reference set.
        causes: Why molecules are not valid, by RDKit's name for it; which tests of PoseBusters fail.
    """

    molecules: int
    atoms_stable: float
    stable: float
    valid: float
    unique: float
    valid_and_unique: float
    connected: float
    novel: float | None = None
    posebusters: float | None = None
    strain: float | None = None
    shapes: dict[str, float] = field(default_factory=dict)
    causes: dict[str, int] = field(default_factory=dict)


def judge_generated(
    molecules: MoleculeArrays,
    reference: MoleculeArrays | None = None,
    known: Set[str] | None = None,
    posebusters: int = 0,
    strain: int = 0,
    method: str = "MMFF94s",
    progress: Callable[[], object] = lambda: None,
) -> GeneratedQuality:
    """Measure a set of molecules.

    Args:
        molecules: At least one; only elements and coordinates count.
        reference: Molecules from the data, for the Jensen-Shannon distances.
        known: What `known_molecules` makes of the training set, for novelty.
        posebusters: Connected molecules to test, from the first on.
        strain: Connected molecules to minimise.
        method: The potential that minimises them.
        progress: Called once per molecule.

    Raises:
        ValueError: There is no molecule, or one has elements that the distance tables have nothing on.
        ImportError: PoseBusters or the potential's package is missing.
    """
    if not len(molecules):
        raise ValueError("there are no molecules to judge")
    check_elements(molecules.numbers)
    atoms, whole = stability(molecules.numbers, molecules.coords, molecules.offsets)
    found, connected, causes = set(), [], Counter[str]()
    silence, valid = rdBase.BlockLogs(), 0
    for start, end in zip(molecules.offsets[:-1], molecules.offsets[1:], strict=True):
        mol = bonded(molecules.numbers[start:end], molecules.coords[start:end])
        cause = sanitised(mol)
        if cause:
            causes[cause] += 1
        else:
            valid += 1
            found.add(canonical(mol))
            if len(Chem.GetMolFrags(mol)) == 1:
                connected.append(mol)
        progress()
    del silence
    count = len(molecules)
    return GeneratedQuality(
        count,
        float(atoms.mean()),
        float(whole.mean()),
        valid / count,
        len(found) / max(valid, 1),
        len(found) / count,
        len(connected) / count,
        None if known is None else len(found - known) / max(len(found), 1),
        _busted(connected[:posebusters], causes),
        _strain(connected[:strain], method),
        {} if reference is None else shape_distances(molecules, reference),
        dict(causes.most_common()),
    )


def known_molecules(smiles: Iterable[str]) -> set[str]:
    """SMILES as `judge_generated` counts molecules by; what does not parse is left out."""
    silence = rdBase.BlockLogs()
    mols = (Chem.MolFromSmiles(text) for text in smiles)
    known = {Chem.MolToSmiles(mol, isomericSmiles=False) for mol in mols if mol is not None}
    del silence
    return known


def _busted(mols: list[Chem.Mol], causes: Counter[str]) -> float | None:
    if not mols:
        return None
    shares = []
    for mol in mols:
        share, failed = bust(mol, [0])
        shares.append(share)
        causes.update(failed)
    return float(np.mean(shares))


def _strain(mols: list[Chem.Mol], method: str) -> float | None:
    if not mols:
        return None
    potential, released = get_potential(method), []
    for mol in mols:
        if potential.obstacle(mol) is not None:
            continue
        surface, coords = potential.surface(mol), mol.GetConformer().GetPositions()
        released.append(surface.energy(coords) - surface.minimise(coords, STRAIN_STEPS).energy)
    finite = [energy for energy in released if np.isfinite(energy)]
    return float(np.median(finite)) if finite else None


_COLUMNS = (
    ("atoms_stable", "atoms stable", "{:.2%}"),
    ("stable", "molecules stable", "{:.2%}"),
    ("valid", "valid", "{:.2%}"),
    ("valid_and_unique", "valid and unique", "{:.2%}"),
    ("connected", "connected", "{:.2%}"),
    ("novel", "novel", "{:.1%}"),
    ("posebusters", "PoseBusters", "{:.1%}"),
    ("strain", "strain, kcal/mol", "{:.1f}"),
)
_PUBLISHED = (
    ("data in the paper", "99.0", "95.2", "97.7", "97.7"),
    ("EDM in the paper", "98.7", "82.0", "91.9", "90.7"),
)


def generated_table(rows: dict[str, GeneratedQuality], published: bool = False) -> str:
    """A Markdown table of sets by name, with the published rows beneath if asked for."""
    columns = [c for c in _COLUMNS if any(getattr(row, c[0]) is not None for row in rows.values())]
    shapes = sorted({name for row in rows.values() for name in row.shapes})
    heads = ["set", "molecules", *(title for _, title, _ in columns), *(f"JS {name}" for name in shapes)]
    lines = [heads, ["---"] * len(heads)]
    for name, row in rows.items():
        values = [(getattr(row, key), form) for key, _, form in columns]
        cells = ["" if value is None else form.format(value) for value, form in values]
        cells += [f"{row.shapes[shape]:.3f}" if shape in row.shapes else "" for shape in shapes]
        lines.append([name, str(row.molecules), *cells])
    if published:
        lines += [[name, "", *(f"{cell} %" for cell in cells), *[""] * (len(heads) - 6)] for name, *cells in _PUBLISHED]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
