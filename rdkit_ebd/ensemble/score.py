"""How much energy do conformers have, and what follows? Relative energies, weights, an order, a window."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rdkit import Chem, rdBase
from rdkit.Chem import Conformer

from rdkit_ebd.arrays.units import GAS_CONSTANT
from rdkit_ebd.chem.conformers import chosen_conformers, positions, refuse_unfinished
from rdkit_ebd.chem.provenance import get_provenance, set_provenance
from rdkit_ebd.ensemble.energy_runner import Engine, potential_of
from rdkit_ebd.ensemble.minimise import energies
from rdkit_ebd.params import count_threads
from rdkit_ebd.potentials import Potential


def ScoreConformers(
    mol: Chem.Mol,
    method: str | Potential = "MMFF94s",
    confIds: Sequence[int] | None = None,
    *,
    numThreads: int = 1,
) -> list[float]:
    """Energies of conformers as they are; see `RefineConformers` for relaxing them first.

    They are kept on the conformers as "ebd_energy", and the method's name as "ebd_energy_method".

    Args:
        mol: Its coordinates are not changed. All hydrogens are explicit.
        method: As in `RefineConformers`; it need not be the method they were refined with.
        confIds: Ids of the conformers, in the order of the answer; all of them if None.
        numThreads: As in `RefineConformers`.

    Returns:
        kcal/mol, comparable within one molecule and method; NaN where there is none: RDKit's log says why if the
        method cannot treat the molecule.

    Raises:
        TypeError: `mol` is not a molecule, or `method` neither a name nor a potential.
        ValueError: There is no such method or conformer, hydrogens are missing.
        ImportError: The method's engine is not installed; the message has the install line.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 3, randomSeed=1)
        >>> energies = ScoreConformers(mol, "MMFF94s")
        >>> len(energies) == 3 and get_provenance(mol.GetConformer(0))["ebd_energy"] == energies[0]
        True
    """
    found, obstacle, _ = score(mol, method, confIds, numThreads)
    if obstacle:
        rdBase.LogWarningMsg(f"conformers not scored: {obstacle}")
    return found


def RelativeEnergies(energies: Sequence[float]) -> list[float]:
    """Energies above the lowest of them; NaN stays NaN.

    Args:
        energies: In any one unit, such as kcal/mol.

    Returns:
        As many, in the same unit.

    Example:
        >>> RelativeEnergies([-10.5, -12.0, float("nan")])
        [1.5, 0.0, nan]
    """
    lowest = min((e for e in energies if not math.isnan(e)), default=math.nan)
    return [float(e - lowest) for e in energies]


def BoltzmannWeights(energies: Sequence[float], temperature: float = 298.15) -> list[float]:
    """Populations of conformers at equilibrium, by their energies alone.

    Args:
        energies: kcal/mol, of one molecule and one method. NaN gets weight 0.
        temperature: Kelvin.

    Returns:
        Weights whose sum is 1, or 0 where no energy is known.

    Raises:
        ValueError: The temperature is not a positive number.

    Example:
        >>> [round(weight, 3) for weight in BoltzmannWeights([0.0, 0.5, 2.0])]
        [0.683, 0.294, 0.023]
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be a positive number of kelvin, not {temperature}")
    factors = [
        0.0 if math.isnan(e) else math.exp(-e / (GAS_CONSTANT * temperature)) for e in RelativeEnergies(energies)
    ]
    total = sum(factors)
    return [factor / total if total else 0.0 for factor in factors]


def SortConformers(mol: Chem.Mol, *, renumber: bool = False) -> list[int]:
    """Put the conformers of a molecule into the order of their energies, lowest first; NaN comes last.

    Ids stay with their conformers: `mol.GetConformer()` and `for conformer in mol.GetConformers()` begin with the
    lowest, `mol.GetConformer(3)` is the one it was.

    Args:
        mol: Changed in place: the order of its conformers alone.
        renumber: Give them the ids 0, 1, 2, ... in the new order.

    Returns:
        Their ids in the new order.

    Raises:
        TypeError: `mol` is not a molecule.
        ValueError: There are no conformers, some have no energy, or energies are of different methods.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 4, randomSeed=1)
        >>> energies = ScoreConformers(mol)
        >>> order = SortConformers(mol)
        >>> order[0] == min(ids, key=lambda i: energies[i])
        True
    """
    conformers = chosen_conformers(mol, None)
    ranked = sorted(zip(stored_energies(conformers)[0], conformers, strict=True), key=lambda pair: _nan_last(pair[0]))
    copies = [Conformer(conformer) for _, conformer in ranked]
    if renumber:
        for number, copy in enumerate(copies):
            copy.SetId(number)
    mol.RemoveAllConformers()
    for copy in copies:
        mol.AddConformer(copy, assignId=False)
    return [copy.GetId() for copy in copies]


def FilterEnergyWindow(
    mol: Chem.Mol, energyWindow: float, confIds: Sequence[int] | None = None, *, remove: bool = False
) -> list[int]:
    """Conformers within an energy window above the lowest, by the energies kept on them.

    Args:
        mol: Changed only with `remove`.
        energyWindow: kcal/mol, at least 0.
        confIds: Ids of the conformers compared; all of them if None.
        remove: Take those out of the molecule that lie above the window.

    Returns:
        Ids of those within, in their order. One whose energy is NaN is not known to lie above, and is among them.

    Raises:
        TypeError: `mol` is not a molecule.
        ValueError: The window is negative, there are no such conformers, some of them have no energy, or energies
            are of different methods.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 4, randomSeed=1)
        >>> energies = ScoreConformers(mol)
        >>> near = FilterEnergyWindow(mol, 1.0)
        >>> near == [i for i in ids if energies[i] - min(energies) <= 1.0]
        True
    """
    if not energyWindow >= 0:
        raise ValueError(f"energyWindow must be at least 0 kcal/mol, not {energyWindow}")
    conformers = chosen_conformers(mol, confIds)
    above = [e > energyWindow for e in RelativeEnergies(stored_energies(conformers)[0])]
    ids = [conformer.GetId() for conformer in conformers]
    if remove:
        for index in [i for i, out in zip(ids, above, strict=True) if out]:
            mol.RemoveConformer(index)
    return [i for i, out in zip(ids, above, strict=True) if not out]


def score(
    mol: Chem.Mol, method: str | Potential, confIds: Sequence[int] | None = None, numThreads: int = 1
) -> tuple[list[float], str, tuple[str, ...]]:
    """`ScoreConformers` without a log: energies, what stands in the way of them or "", notes on what they are."""
    conformers, potential = chosen_conformers(mol, confIds), potential_of(method)
    refuse_unfinished(mol, conformers)
    found = [math.nan] * len(conformers)
    notes: tuple[str, ...] = ()
    obstacle = potential.obstacle(mol)
    if obstacle is None:
        engine = Engine(potential, Chem.Mol(mol, True))
        for k, energy in energies(engine, positions(conformers), count_threads(numThreads)):
            found[k] = energy
        notes = engine.surface.notes
    for conformer, energy in zip(conformers, found, strict=True):
        set_provenance(conformer, energy=energy, energy_method=potential.name)
    return found, obstacle or "", notes


def stored_energies(conformers: Sequence[Conformer]) -> tuple[list[float], str]:
    """Energies of the same method, in kcal/mol, and its name; anything else is a ValueError."""
    stored = [get_provenance(conformer) for conformer in conformers]
    without = [c.GetId() for c, values in zip(conformers, stored, strict=True) if "ebd_energy" not in values]
    if without:
        raise ValueError(f"conformers {without} have no energies: call ScoreConformers first")
    methods = sorted({values.get("ebd_energy_method", "unknown") for values in stored})
    if len(methods) > 1:
        raise ValueError(f"energies of different methods cannot be compared: {', '.join(methods)}")
    return [values["ebd_energy"] for values in stored], "".join(methods)


def unscored_method(
    conformers: Sequence[Conformer], method: str | Potential | None, default: str
) -> str | Potential | None:
    """The method by which conformers are still to be scored; None where they have energies and no other was asked for.

    Where none was asked for, it is the default for those without energies, or with energies of different methods.
    """
    if method is not None:
        return method
    try:
        stored_energies(conformers)
    except ValueError:
        return default
    return None


def _nan_last(energy: float) -> float:
    return math.inf if math.isnan(energy) else energy
