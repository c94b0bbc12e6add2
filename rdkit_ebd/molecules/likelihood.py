"""How likely does a published EDM find molecules? A lower bound of log p(x, h) in nats, with the paper's terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from rdkit_ebd._param_kinds import number, text, whole
from rdkit_ebd.generators.edm.published.model import Condition, PublishedModel, load_published
from rdkit_ebd.generators.edm.published.sampler import likelihood_bound
from rdkit_ebd.molecules.wanted import check_mapping


class LogLikelihoods(NamedTuple):
    """What `LogLikelihood` finds.

    Attributes:
        values: (n,) float64, lower bounds of log p(x, h, M) in nats.
        errors: (n,) float64, their standard errors of sampling.
    """

    values: np.ndarray
    errors: np.ndarray


def LogLikelihood(
    mols: Sequence[Chem.Mol],
    model: str | Path,
    *,
    draws: int = 32,
    randomSeed: int = 0,
    conditions: Mapping[str, float | Sequence[float]] | None = None,
    confId: int = -1,
    batchSize: int = 32,
    device: str = "auto",
) -> LogLikelihoods:
    """How likely a published EDM finds molecules: elements and coordinates, their number included.

    Densities of coordinates in angstrom on the subspace of zero centre of mass, probabilities of elements and charges,
    and of the number of atoms where the model knows it; the sum of Hoogeboom et al. (2022), of which a Monte-Carlo
    estimate is made. Values of molecules of unlike size are not to be compared: their densities have unlike dimensions.

    Args:
        mols: With explicit hydrogens and a conformer.
        model: File of an imported EDM (`rdkit-ebd models import`).
        draws: Times and noises per molecule; the error falls with its square root.
        randomSeed: Of both. The value of a molecule depends on it and on the molecule's place in `mols`, but for
            rounding not on what it is measured with.
        conditions: Of a conditional model, property -> value of all molecules or one for each.
        confId: The conformer.
        batchSize: Molecules side by side.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        ValueError: The model is none, or a molecule has no such conformer, none of three dimensions, no atoms,
            hydrogens that are no atoms, or elements that the model does not know, or conditions do not fit the model or
            lie outside of what it has seen; offenders are named.
        TypeError: A value is of another kind.

    Example:
        >>> from rdkit_ebd.generators.edm.published.model import Egnn, EgnnConfig, PublishedConfig, save_published
        >>> untrained = PublishedConfig("untrained", EgnnConfig(width=8, blocks=1))  # in place of an imported model
        >>> save_published("untrained.safetensors", untrained, Egnn(untrained.network).state_dict())
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CCO"))
        >>> ids = EmbedMultipleConfs(mol, 1, randomSeed=1)
        >>> values, errors = LogLikelihood([mol], "untrained.safetensors", draws=4)
        >>> values.shape
        (1,)
    """
    whole(1)("draws", draws), whole(1)("batchSize", batchSize), whole(0)("randomSeed", randomSeed)
    whole(-1)("confId", confId)
    if isinstance(mols, Chem.Mol):
        raise TypeError("mols must be a sequence of molecules, not a molecule: LogLikelihood([mol], ...)")
    mols = list(mols)
    if not Path(text("model", model)).is_file():
        raise ValueError(f"no file {str(model)!r} of an imported EDM; `rdkit-ebd models import` writes one")
    loaded = load_published(model, device)
    _check(mols, loaded, confId)
    told = normalised(loaded, conditions, len(mols))
    means, errors = [np.zeros(0)], [np.zeros(0)]
    order = sorted(range(len(mols)), key=lambda i: mols[i].GetNumAtoms())  # like sizes side by side
    for start in range(0, len(order), batchSize):
        part = order[start : start + batchSize]
        values, mask = arrays_of([mols[i] for i in part], loaded, confId)
        context = None if told is None else told[part]
        bound = likelihood_bound(loaded, values, mask, draws, randomSeed, context, part)
        means.append(-bound.mean)
        errors.append(bound.error)
    back = np.argsort(order)
    return LogLikelihoods(np.concatenate(means)[back], np.concatenate(errors)[back])


def arrays_of(mols: Sequence[Chem.Mol], model: PublishedModel, conf_id: int) -> tuple[Tensor, Tensor]:
    """(B, N, 3 + features) values as the model's process scales them, and the mask (B, N) of molecules."""
    size = max(mol.GetNumAtoms() for mol in mols)
    numbers, coords = torch.zeros(len(mols), size, dtype=torch.long), torch.zeros(len(mols), size, 3)
    for row, mol in enumerate(mols):
        numbers[row, : mol.GetNumAtoms()] = torch.tensor([atom.GetAtomicNum() for atom in mol.GetAtoms()])
        coords[row, : mol.GetNumAtoms()] = torch.tensor(mol.GetConformer(conf_id).GetPositions(), dtype=torch.float32)
    mask = numbers > 0
    places = {z: k for k, z in enumerate(model.config.elements)}
    classes = numbers.clone().apply_(lambda z: places.get(z, 0))
    return model.process.scaled(coords, classes, numbers, mask), mask


def normalised(
    model: PublishedModel, conditions: Mapping[str, float | Sequence[float]] | None, count: int
) -> Tensor | None:
    """(count, C) properties as the network is told them, in the model's order; None for an unconditional one.

    Raises:
        ValueError: Properties are missing, unknown, of another number, not finite, or outside of what the model has
            seen.
        TypeError: A value is no number.
    """
    check_mapping({} if conditions is None else conditions)
    wanted, given = [one.name for one in model.config.conditions], dict(conditions or {})
    if set(given) != set(wanted):
        asked = ", ".join(wanted) or "nothing"
        raise ValueError(f"the model is conditioned on {asked}, and conditions are {', '.join(given) or 'none'}")
    columns = []
    for one in model.config.conditions:
        columns.append((_values(one, given[one.name], count, model.config.name) - one.mean) / one.deviation)
    return torch.tensor(np.stack(columns, 1), dtype=torch.float32, device=model.device) if wanted else None


def _values(condition: Condition, given: Any, count: int, model: str) -> np.ndarray:
    """(count,) what each molecule is to have of a property."""
    name = f"conditions[{condition.name!r}]"
    several = isinstance(given, Sequence | np.ndarray) and not isinstance(given, str)
    values = [number()(name, value) for value in (given if several else [given])]
    if several and len(values) != count:
        raise ValueError(f"{name} has {len(values)} values for {count} molecule{'s' * (count != 1)}")
    least = -np.inf if condition.least is None else condition.least
    most = np.inf if condition.most is None else condition.most
    if strange := [value for value in values if not least <= value <= most]:
        raise ValueError(
            f"{name} must be from {least:.4g} to {most:.4g}, where {model} has seen molecules, not {strange[0]!r}"
        )
    return np.broadcast_to(np.array(values), (count,))


def _check(mols: Sequence[Chem.Mol], model: PublishedModel, conf_id: int) -> None:
    if strange := [mol for mol in mols if not isinstance(mol, Chem.Mol)]:
        raise TypeError(f"mols must be molecules, not {strange[0]!r}")
    faults = [f"molecule {index} {fault}" for index, mol in enumerate(mols) for fault in _faults(mol, model, conf_id)]
    if faults:
        raise ValueError("; ".join(faults[:20]))


def _faults(mol: Chem.Mol, model: PublishedModel, conf_id: int) -> Iterator[str]:
    """Why a molecule has no likelihood."""
    if not mol.GetNumAtoms():
        yield "has no atoms"
        return
    ids = {conformer.GetId() for conformer in mol.GetConformers()}
    if not ids or (conf_id >= 0 and conf_id not in ids):
        yield f"has no conformer{f' {conf_id}' if conf_id >= 0 else ''}"
    elif not np.isfinite(coords := mol.GetConformer(conf_id).GetPositions()).all():
        yield "has coordinates that are no numbers"
    elif not (mol.GetConformer(conf_id).Is3D() or coords[:, 2].any()) and len(coords) > 1:
        yield "is a drawing in two dimensions"
    known = set(model.config.elements)
    if strange := sorted({atom.GetAtomicNum() for atom in mol.GetAtoms()} - known):
        symbol = Chem.GetPeriodicTable().GetElementSymbol
        yield f"has {', '.join(map(symbol, strange))}, which the model does not know"
    whole_mol = Chem.Mol(mol)
    whole_mol.UpdatePropertyCache(strict=False)
    if 1 in known and (missing := sum(atom.GetTotalNumHs() for atom in whole_mol.GetAtoms())):
        yield f"has {missing} hydrogens that are no atoms, call Chem.AddHs(mol, addCoords=True)"
