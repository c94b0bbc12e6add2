"""What does a page show of a molecule? Its conformers on a common core, with energies, weights, origins and stereo."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import Conformer, rdMolAlign

from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.conformers import chosen_conformers, positions
from rdkit_ebd.chem.provenance import get_provenance
from rdkit_ebd.chem.symmetry import compared_atoms, symmetry_mappings
from rdkit_ebd.chem.torsions import dihedral_angles, rotatable_bonds
from rdkit_ebd.ensemble.score import BoltzmannWeights, RelativeEnergies, score, stored_energies, unscored_method
from rdkit_ebd.io.sdf import record_text
from rdkit_ebd.potentials import Potential
from rdkit_ebd.viz.energy_colours import ENERGY_COLOURS, energy_colour, energy_span
from rdkit_ebd.viz.pictures import COLOURS, OTHER_COLOUR, oriented
from rdkit_ebd.viz.states import TIME, state_names

DEFAULT_METHOD = "MMFF94s"  # where conformers have no energies
HYDROGEN = "#c4c9d1"  # that of print would not be seen on a white page
LONGEST_NAME = 200
MOST_WHEELS = 40  # torsions of a molecule
LONGEST_FIELDS = 100_000  # letters of a record's SD fields, which else are left out
FURTHEST = 1e4  # angstrom; what lies beyond is no place of an atom


def molecule_data(
    mol: Chem.Mol,
    *,
    method: str | Potential | None,
    temperature: float,
    most: int,
    counted: str = "conformer",
    record: Callable[[Conformer], str] | None = None,
) -> dict[str, Any]:
    """What the page's script is given of a molecule, as plain values.

    Args:
        mol: With conformers; it is not changed.
        method: Of the energies; None: those of the conformers, else MMFF94s where it can be.
        temperature: Of the weights, kelvin.
        most: Conformers at most: the lowest, which the notes say.
        counted: What the number of a conformer counts.
        record: The SD text of a conformer; None: what `SDFWriter` writes.

    Returns:
        Names, elements, bonds, and of each conformer, lowest energy first: coordinates (angstrom) after alignment on
        the rigid core, energy (kcal/mol), weight among all conformers, RMSD to the first (angstrom), torsions
        (degrees), colour, SD text.

    Raises:
        TypeError: `mol` is not a molecule.
        ValueError: It has no conformers, or none whose coordinates are numbers; it cannot be scored as asked for.
    """
    conformers = chosen_conformers(mol, None)
    finite = [c for c in conformers if (np.abs(c.GetPositions()) < FURTHEST).all()]
    if not finite:
        raise ValueError("no conformer has coordinates that can be shown")
    notes = [f"{len(conformers) - len(finite)} conformers have coordinates that cannot be shown"]
    energies, used, remarks = _energies(mol, finite, method)
    rows = _order(finite, energies)
    shown = rows[:most]
    energies, finite = [energies[k] for k in rows], [finite[k] for k in rows]
    relative, weights = RelativeEnergies(energies), BoltzmannWeights(energies, temperature)
    notes = notes[: len(finite) < len(conformers)] + remarks
    if len(shown) < len(rows):
        notes.append(f"{len(shown)} of {len(rows)} conformers are shown, {'the lowest' if used else 'the first'}")
    core, chosen = rigid_core(mol), finite[: len(shown)]
    coords = aligned(mol, chosen, core)
    rmsd = best_rms(coords[0], coords, symmetry_mappings(mol))
    top = energy_span(relative[: len(chosen)])
    states = dict(zip((c.GetId() for c in conformers), state_names(conformers), strict=True))
    torsions, angles = _torsions(mol, coords)
    if len(torsions) > MOST_WHEELS:
        notes.append(f"{MOST_WHEELS} of {len(torsions)} torsions are shown")
    return {
        "name": _name(mol),
        "notes": notes,
        "method": used,
        "counted": counted,
        "top": f"{top:.1f}",
        "colours": [energy_colour(share, 1.0) for share in np.linspace(0, 1, len(ENERGY_COLOURS))],
        "radius": round(float(np.linalg.norm(coords, axis=-1).max()) + 1.0, 3),
        "core": core,
        "elements": [atom.GetSymbol() for atom in mol.GetAtoms()],
        "atom_colours": [_atom_colour(atom) for atom in mol.GetAtoms()],
        "bonds": _bonds(mol),
        "torsions": torsions[:MOST_WHEELS],
        "conformers": [
            {
                "label": str(conformer.GetId()),
                "energy": _number(energies[k]),
                "relative": _number(relative[k]),
                "weight": None if math.isnan(energies[k]) else weights[k],
                "rmsd": _number(float(rmsd[k])),
                "provenance": origin_in_words(conformer, states[conformer.GetId()]),
                "stereo": stereo_in_words(mol, conformer),
                "colour": energy_colour(relative[k], top),
                "torsions": angles[k, :MOST_WHEELS].tolist(),
                "xyz": coords[k].round(3).ravel().tolist(),
                "sdf": _bounded(record(conformer) if record else record_text(mol, conformer)),
            }
            for k, conformer in enumerate(chosen)
        ],
    }


def rigid_core(mol: Chem.Mol) -> list[int]:
    """Heavy atoms of the largest part without rotatable bonds: most ring atoms, then most atoms; all if under three."""
    turning = {frozenset((int(a), int(b))) for _, a, b, _ in rotatable_bonds(mol)[0]}
    parts = Chem.RWMol(mol)
    for a, b in map(sorted, turning):
        parts.RemoveBond(a, b)
    heavy = {int(i) for i in compared_atoms(mol, True)}
    ringed = {i for ring in Chem.GetSymmSSSR(mol) for i in ring}
    pieces = [sorted(heavy & set(piece)) for piece in Chem.GetMolFrags(parts)]
    best = max(pieces, key=lambda piece: (len(ringed & set(piece)), len(piece)))
    return best if len(best) > 2 else sorted(heavy) if len(heavy) > 2 else list(range(mol.GetNumAtoms()))


def aligned(mol: Chem.Mol, conformers: Sequence[Conformer], core: Sequence[int]) -> np.ndarray:
    """Coordinates (K, N, 3) in angstrom of conformers, on the first of them by the core, seen at its broadest."""
    laid = Chem.Mol(mol, True)
    for conformer in conformers:
        laid.AddConformer(conformer, assignId=True)
    if len(conformers) > 1:
        rdMolAlign.AlignMolConformers(laid, atomIds=list(core))
    return oriented(np.stack(positions(laid.GetConformers())), coords_row=0)


def origin_in_words(conformer: Conformer, state: str = "") -> str:
    """Where a conformer comes from, such as "refined with MMFF94s, model ebd-f2f, seed 1, index 0".

    A first attempt is not named. Of a state of a deblurring it is the name of that, such as "round 2".
    """
    if conformer.HasProp(TIME):
        return state
    known = get_provenance(conformer)
    refined, stage = known.get("ebd_refined"), known.get("ebd_stage")
    words = [stage] if stage and not (refined and stage == "refined") else []
    if refined:
        words.append(f"refined with {refined}" + ", not converged" * (known.get("ebd_converged") == 0))
    named = {"model": "ebd_model", "seed": "ebd_seed", "index": "ebd_index", "attempt": "ebd_attempt"}
    words += [f"{w} {known[name]}" for w, name in named.items() if name in known and (w != "attempt" or known[name])]
    words += [f"not refined: {known[name]}" for name in ("ebd_refine_problem",) if name in known]
    return ", ".join(words)


def stereo_in_words(mol: Chem.Mol, conformer: Conformer) -> str:
    """The centres and double bonds that coordinates show, such as "C1 R, C4=C5 E"; atoms are numbered from 0."""
    seen = Chem.Mol(mol, True)
    seen.AddConformer(conformer, assignId=True)
    Chem.AssignStereochemistryFrom3D(seen)
    names = [f"{atom.GetSymbol()}{atom.GetIdx()}" for atom in seen.GetAtoms()]
    words = [f"{names[a.GetIdx()]} {a.GetProp('_CIPCode')}" for a in seen.GetAtoms() if a.HasProp("_CIPCode")]
    sides = {Chem.BondStereo.STEREOZ: "Z", Chem.BondStereo.STEREOE: "E"}
    double = [bond for bond in seen.GetBonds() if bond.GetStereo() in sides]
    words += [f"{names[b.GetBeginAtomIdx()]}={names[b.GetEndAtomIdx()]} {sides[b.GetStereo()]}" for b in double]
    return ", ".join(words)


def _torsions(mol: Chem.Mol, coords: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names of the torsions of heavy atoms about rotatable bonds, such as "C3-N4-C5-O6", and (K, T) degrees."""
    heavy = {int(i) for i in compared_atoms(mol, True)}
    quads = [quad for quad in rotatable_bonds(mol)[0].tolist() if heavy.issuperset(quad)]
    names = ["-".join(f"{mol.GetAtomWithIdx(i).GetSymbol()}{i}" for i in quad) for quad in quads]
    if not quads:
        return [], np.zeros((len(coords), 0))
    return names, np.degrees(dihedral_angles(coords, np.array(quads))).round(1)


def _energies(
    mol: Chem.Mol, conformers: Sequence[Conformer], method: str | Potential | None
) -> tuple[list[float], str, list[str]]:
    """Energies in kcal/mol, by what, and what a reader must know of them."""
    none = [math.nan] * len(conformers)
    if method is None and any(conformer.HasProp(TIME) for conformer in conformers):
        return none, "", []
    wanted = unscored_method(conformers, method, DEFAULT_METHOD)
    if wanted is None:
        return *stored_energies(conformers), []
    scored = Chem.Mol(mol, True)
    for conformer in conformers:
        scored.AddConformer(conformer, assignId=True)
    try:
        found, obstacle, remarks = score(scored, wanted)
    except ValueError as error:
        if method is not None:
            raise
        return none, "", [f"there are no energies: {error}"]
    if all(map(math.isnan, found)):
        return none, "", [f"there are no energies: {obstacle or 'none could be computed'}"]
    return *stored_energies(list(scored.GetConformers())), list(remarks)


def _order(conformers: Sequence[Conformer], energies: Sequence[float]) -> list[int]:
    """Rows, lowest energy first; states of a deblurring as they are."""
    rows = range(len(conformers))
    if any(conformer.HasProp(TIME) for conformer in conformers):
        return list(rows)
    return sorted(rows, key=lambda k: (math.isnan(energies[k]), energies[k]))


def _name(mol: Chem.Mol) -> str:
    name = mol.GetProp("_Name").strip() if mol.HasProp("_Name") else ""
    name = name or Chem.MolToSmiles(Chem.RemoveHs(mol, sanitize=False))
    return f"{name[:LONGEST_NAME]}..." if len(name) > LONGEST_NAME else name


def _bounded(record: str) -> str:
    """A record, without its fields where they are endless."""
    structure, end, fields = record.partition("M  END\n")
    return f"{structure}{end}$$$$\n" if len(fields) > LONGEST_FIELDS else record


def _atom_colour(atom: Chem.Atom) -> str | None:
    """None for carbon, which has the colour of the conformer's energy."""
    return {**COLOURS, 1: HYDROGEN, 6: None}.get(atom.GetAtomicNum(), OTHER_COLOUR)


def _bonds(mol: Chem.Mol) -> list[list[int]]:
    """Two atoms and 1, 2 or 3 lines, of each bond."""
    drawn = Chem.Mol(mol, True)
    Chem.KekulizeIfPossible(drawn)
    return [
        [b.GetBeginAtomIdx(), b.GetEndAtomIdx(), min(max(int(b.GetBondTypeAsDouble()), 1), 3)] for b in drawn.GetBonds()
    ]


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
