"""Where does a conformer come from? Properties that stay with it: model, seed, attempt, stage, energy."""

from __future__ import annotations

from typing import Any

from rdkit.Chem import Conformer

PROVENANCE: dict[str, type] = {
    "ebd_version": str,
    "ebd_model": str,
    "ebd_weights": str,  # hash of the weights
    "ebd_seed": int,  # with which the same call makes this conformer again
    "ebd_index": int,  # which of the conformers asked for, from 0
    "ebd_attempt": int,  # which attempt at it, from 0
    "ebd_stage": str,  # one of STAGES
    "ebd_refined": str,  # method that relaxed the coordinates
    "ebd_converged": int,  # whether it reached its minimum, 0 or 1
    "ebd_refine_problem": str,  # why a conformer that was to be relaxed is as it was before
    "ebd_energy": float,  # kcal/mol
    "ebd_energy_method": str,
}
"""Properties of a conformer and their types."""


STAGES = ("deblurred", "refined", "fallback", "seed", "generated")
"""Where coordinates come from. "seed": too small for the model, RDKit's own. "fallback": by RDKit instead of the model,
which a reader must know also where they were refined. "generated": atoms and all drawn from noise."""


_INT32 = range(-(1 << 31), 1 << 31)


def set_provenance(conformer: Conformer, **values: Any) -> None:
    """Write where a conformer came from on the conformer itself: `set_provenance(conformer, index=3, attempt=0)`.

    The properties stay with copies (`Chem.Mol(mol)`, `AddConformer`, `RemoveHs`). RDKit loses them in
    `RenumberAtoms`, in JSON, in SD files, and in a pickle unless
    `Chem.SetDefaultPickleProperties(Chem.PropertyPickleOptions.AllProps)` was called (multiprocessing pickles too).

    Args:
        conformer: The conformer; its other properties stay.
        **values: Names of `PROVENANCE`, with or without "ebd_". None leaves a property as it is.

    Raises:
        TypeError: A name is not in `PROVENANCE`.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("OCCCN"))
        >>> conformer = mol.GetConformer(EmbedMolecule(mol, randomSeed=1))
        >>> set_provenance(conformer, energy=-12.5, energy_method="MMFF94s")
        >>> get_provenance(conformer)["ebd_energy"]
        -12.5
    """
    named = {name if name.startswith("ebd_") else f"ebd_{name}": value for name, value in values.items()}
    unknown = [name for name in named if name not in PROVENANCE]
    if unknown:
        raise TypeError(f"no provenance is called {', '.join(unknown)}; known are {', '.join(PROVENANCE)}")
    for name, value in named.items():
        if value is not None:
            _write(conformer, name, PROVENANCE[name](value))


def get_provenance(conformer: Conformer) -> dict[str, Any]:
    """Read where a conformer came from: model, seed, index, attempt, stage, refinement, energy.

    Pickles lose it (and so do joblib and multiprocessing) unless RDKit is asked to pickle all properties, once at the
    beginning: `Chem.SetDefaultPickleProperties(Chem.PropertyPickleOptions.AllProps)`.

    Args:
        conformer: Of a molecule that this package embedded, refined or scored.

    Returns:
        By name ("ebd_seed", "ebd_stage", "ebd_energy" in kcal/mol, ...); what was never written is absent.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("OCCCN"))
        >>> origin = get_provenance(mol.GetConformer(EmbedMolecule(mol, randomSeed=1)))
        >>> origin["ebd_seed"], origin["ebd_index"], origin["ebd_attempt"]
        (1, 0, 0)
    """
    # RDKit's automatic conversion would read a hash such as 12e45678 as a number.
    stored = conformer.GetPropsAsDict(autoConvertStrings=False)
    return {name: kind(stored[name]) for name, kind in PROVENANCE.items() if name in stored}


def _write(conformer: Conformer, name: str, value: str | int | float) -> None:
    if isinstance(value, float):
        conformer.SetDoubleProp(name, value)
    elif isinstance(value, int) and value in _INT32:
        conformer.SetIntProp(name, value)
    else:
        conformer.SetProp(name, str(value))  # RDKit's integers have 32 bits, our seeds may have more
