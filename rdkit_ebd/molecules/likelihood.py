"""How likely does a published EDM find molecules? A lower bound of log p(x, h) in nats, with the paper's terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from rdkit_ebd.generators.edm.published.model import PublishedModel, load_published
from rdkit_ebd.generators.edm.published.sampler import likelihood_bound


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
        randomSeed: Of both.
        conditions: Of a conditional model, property -> value of all molecules or one for each.
        confId: The conformer.
        batchSize: Molecules side by side.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        ValueError: The model is none, or a molecule has no such conformer, no atoms, or elements that the model does
            not know, or conditions do not fit the model; all offenders are named.

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
    if draws < 1 or batchSize < 1:
        raise ValueError(f"draws and batchSize must be 1 or more, not {draws} and {batchSize}")
    loaded = load_published(model, device)
    _check(mols, loaded, confId)
    told = normalised(loaded, conditions, len(mols))
    means, errors = [np.zeros(0)], [np.zeros(0)]
    order = sorted(range(len(mols)), key=lambda i: mols[i].GetNumAtoms())  # like sizes side by side
    for start in range(0, len(order), batchSize):
        part = order[start : start + batchSize]
        values, mask = arrays_of([mols[i] for i in part], loaded, confId)
        context = None if told is None else told[part]
        bound = likelihood_bound(loaded, values, mask, draws, randomSeed + start, context)
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
        ValueError: Properties are missing, unknown, of another number, or no numbers; all are named.
    """
    wanted, given = [one.name for one in model.config.conditions], dict(conditions or {})
    if set(given) != set(wanted):
        asked = ", ".join(wanted) or "nothing"
        raise ValueError(f"the model is conditioned on {asked}, and conditions are {', '.join(given) or 'none'}")
    columns = []
    for one in model.config.conditions:
        values = np.broadcast_to(np.asarray(given[one.name], np.float64).reshape(-1), (count,))
        if not np.isfinite(values).all():
            raise ValueError(f"{one.name}: {values[~np.isfinite(values)][0]} is no number")
        columns.append((values - one.mean) / one.deviation)
    return torch.tensor(np.stack(columns, 1), dtype=torch.float32, device=model.device) if wanted else None


def _check(mols: Sequence[Chem.Mol], model: PublishedModel, conf_id: int) -> None:
    faults = []
    for index, mol in enumerate(mols):
        if not mol.GetNumAtoms():
            faults.append(f"molecule {index} has no atoms")
            continue
        ids = {conformer.GetId() for conformer in mol.GetConformers()}
        if not ids or (conf_id >= 0 and conf_id not in ids):
            faults.append(f"molecule {index} has no conformer{f' {conf_id}' if conf_id >= 0 else ''}")
        elements = {atom.GetAtomicNum() for atom in mol.GetAtoms()}
        if strange := sorted(elements - set(model.config.elements)):
            symbol = Chem.GetPeriodicTable().GetElementSymbol
            faults.append(f"molecule {index} has {', '.join(map(symbol, strange))}, which the model does not know")
    if faults:
        raise ValueError("; ".join(faults[:20]))
