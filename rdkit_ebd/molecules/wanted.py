"""What molecules are asked for? Sizes and properties, checked against what a model has learnt, and drawn."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rdkit_ebd._param_kinds import number, whole
from rdkit_ebd.arrays.random_streams import mix
from rdkit_ebd.generators.edm.kinds import most_bonds
from rdkit_ebd.generators.edm.model import GeneratorConfig, PropertyScale, Size
from rdkit_ebd.generators.edm.orders import HeldAtoms, Order

NumAtoms = int | range | tuple[int, int] | None
"""All atoms of a molecule, hydrogens included: a number, a Python range, or (fewest, most)."""

_SIZES = 0x53  # purpose of a molecule's stream


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        sizes: That molecules may have.
        shares: (S,) how probable each is, adding up to one.
        conditions: Property -> value; None is drawn for each molecule as it is among those of its size.
        scales: What the model knows of each property, in the order of `Size.means`.
    """

    sizes: tuple[Size, ...]
    shares: np.ndarray
    conditions: tuple[tuple[str, float | None], ...]
    scales: tuple[PropertyScale, ...] = ()

    def order(self, seed: int, index: int) -> Order:
        """The molecule of a number; its size, and what of its properties is drawn, come from a stream of its own."""
        generator = torch.Generator().manual_seed(mix(seed, index, _SIZES))
        chance = float(torch.rand(1, generator=generator, dtype=torch.float64))
        size = self.sizes[min(int(np.searchsorted(np.cumsum(self.shares), chance)), len(self.sizes) - 1)]
        wanted = tuple(
            (name, self._drawn(name, size, generator) if value is None else value) for name, value in self.conditions
        )
        return Order(index, size.heavy, size.hydrogens, wanted)

    def _drawn(self, name: str, size: Size, generator: torch.Generator) -> float:
        place = [scale.name for scale in self.scales].index(name)
        scale = self.scales[place]
        normal = float(torch.randn(1, generator=generator, dtype=torch.float64))
        return min(max(size.means[place] + normal * size.deviations[place], scale.low), scale.high)


def check_wanted(
    config: GeneratorConfig,
    num_atoms: NumAtoms,
    conditions: Mapping[str, float | None] | None,
    held: HeldAtoms | None = None,
) -> Wanted:
    """What a model is asked for, known to be possible.

    Args:
        config: Of the model.
        num_atoms: Sizes asked for; None for those of the training molecules.
        conditions: Property -> value, in the model's units; None: drawn as it is among the training molecules.
        held: Atoms all molecules have; they have one heavy atom more at least.

    Raises:
        ValueError: No training molecule has such a size, or a property is unknown or outside of what was learnt; the
            known range is in the message.
        TypeError: A value is of another kind.
    """
    asked = _conditions(config, conditions or {})
    least, most = span(num_atoms)
    sizes = [
        size
        for size in config.sizes
        if least <= size.heavy + size.hydrogens <= most
        and (held is None or _holds(size, held, most_bonds(config.kinds)))
    ]
    if not sizes:
        raise ValueError(_unknown_size(config, num_atoms, held))
    shares = np.array([size.count for size in sizes], float) * _likelihoods(config, sizes, asked)
    if not shares.sum() > 0:
        raise ValueError(f"conditions: no molecule of the sizes asked for has {_in_words(asked)}, nor nearly so")
    return Wanted(tuple(sizes), shares / shares.sum(), tuple(asked.items()), config.properties)


def span(num_atoms: NumAtoms) -> tuple[int, int]:
    """Fewest and most atoms asked for."""
    if num_atoms is None:
        return 0, 1 << 30
    if isinstance(num_atoms, range):
        if not num_atoms or num_atoms.step != 1 or num_atoms[-1] < 1:
            raise ValueError(f"numAtoms must be a range that is not empty, above 0 and of step 1, not {num_atoms!r}")
        return max(num_atoms[0], 1), num_atoms[-1]
    if isinstance(num_atoms, tuple):
        if len(num_atoms) != 2:
            raise ValueError(f"numAtoms must be a number, a range or (fewest, most), not {num_atoms!r}")
        least, most = (whole(1)("numAtoms", value) for value in num_atoms)
        if least > most:
            raise ValueError(f"numAtoms: {least} is more than {most}")
        return least, most
    exact = whole(1)("numAtoms", num_atoms)
    return exact, exact


def check_mapping(conditions: object) -> None:
    """See that conditions map properties to values.

    Raises:
        TypeError: They do not.
    """
    if not isinstance(conditions, Mapping):
        raise TypeError(f"conditions must map properties to values, not {conditions!r}")


def _holds(size: Size, held: HeldAtoms, bonds: int) -> bool:
    """Whether a molecule of a size can have atoms that are held and one more, all valences filled."""
    others = size.heavy - len(held.numbers)
    own = sum(map(len, held.hydrogens))
    return others >= 1 and own <= size.hydrogens <= held.most_hydrogens(others, bonds)


def _unknown_size(config: GeneratorConfig, num_atoms: NumAtoms, held: HeldAtoms | None) -> str:
    least, most = span(num_atoms)
    asked = f"{least} to {most} atoms" if least < most else f"{least} atom{'s' * (least > 1)}"
    known = [size.heavy + size.hydrogens for size in config.sizes]
    range_known = f"it knows {min(known)} to {max(known)}, hydrogens included"
    if held is None:
        return f"numAtoms: no molecule that {config.name} was trained on has {asked}; {range_known}"
    return (
        f"core: no molecule that {config.name} was trained on{'' if num_atoms is None else f' has {asked} and'} is "
        f"large enough and has hydrogens enough for the {len(held.numbers)} heavy atoms that are held and one more; "
        f"{range_known}, up to {max(size.heavy for size in config.sizes)} of them heavy"
    )


def _conditions(config: GeneratorConfig, conditions: Mapping[str, float | None]) -> dict[str, float | None]:
    check_mapping(conditions)
    scales = {scale.name: scale for scale in config.properties}
    asked: dict[str, float | None] = {}
    for name, value in conditions.items():
        if name not in scales:
            near = difflib.get_close_matches(str(name), scales, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(scales) or "none"
            raise ValueError(f"{config.name} knows no property {name!r}; it knows {known}.{meant}")
        scale = scales[name]
        asked[name] = None if value is None else number()(f"conditions[{name!r}]", value)
        if value is not None and not scale.low <= value <= scale.high:
            raise ValueError(
                f"conditions: {name} must be from {scale.low:.4g} to {scale.high:.4g} {scale.unit}, where "
                f"{config.name} has seen molecules, not {value!r}"
            )
    return asked


def _likelihoods(config: GeneratorConfig, sizes: Sequence[Size], asked: Mapping[str, float | None]) -> np.ndarray:
    """(S,) how well the molecules of each size go with the values asked for."""
    total = np.zeros(len(sizes))
    for place, scale in enumerate(config.properties):
        value = asked.get(scale.name)
        if value is not None:
            means = np.array([size.means[place] for size in sizes])
            # Few molecules of a size say little of how it spreads.
            spreads = np.maximum([size.deviations[place] for size in sizes], 0.1 * scale.deviation)
            total -= 0.5 * np.square((value - means) / spreads) + np.log(spreads)
    return np.asarray(np.exp(total - total.max()))


def _in_words(asked: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in asked.items() if value is not None)
