"""How do conformers get through a surface? One by one, in several processes where that pays, or all side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
from rdkit import Chem, rdBase

from rdkit_ebd.potentials import Potential, Surface, get_potential
from rdkit_ebd.runtime.deadline import NEVER, Deadline
from rdkit_ebd.runtime.process_map import ProcessError, in_processes
from rdkit_ebd.runtime.threads import torch_threads

POOL_PAYS = 5.0  # seconds of work ahead from which on starting other processes is worth their imports

T = TypeVar("T")


@dataclass(frozen=True)
class Engine:
    """A potential and a molecule it can treat, which share one surface.

    Attributes:
        potential: The method.
        mol: With explicit hydrogens; its conformers do not matter.
    """

    potential: Potential
    mol: Chem.Mol

    @cached_property
    def surface(self) -> Surface:
        """Made when first needed."""
        return self.potential.surface(self.mol)


def potential_of(method: str | Potential) -> Potential:
    """A potential by its name, or one that is a potential already.

    Raises:
        ValueError: There is no such name.
        TypeError: It is neither.
    """
    if isinstance(method, Potential):
        return method
    if not isinstance(method, str):
        raise TypeError(f"method must be a name such as 'MMFF94s' or a Potential, not {method!r}")
    return get_potential(method)


def through(
    engine: Engine,
    work: Callable[[Surface, np.ndarray], T],
    coords: Sequence[np.ndarray],
    threads: int = 1,
    deadline: Deadline = NEVER,
) -> Iterator[tuple[int, T]]:
    """Apply work to a surface and each of the coordinates; the answers do not depend on the number of processes."""
    start = time.monotonic()
    for k, x in enumerate(coords):
        ahead = (time.monotonic() - start) / max(k, 1) * (len(coords) - k)
        if threads > 1 and len(coords) - k > 1 and ahead > POOL_PAYS:
            yield from _in_processes(engine, work, dict(enumerate(coords[k:], start=k)), threads, deadline)
            return
        if deadline.passed:
            return
        yield k, work(engine.surface, x)


def side_by_side(
    engine: Engine,
    work: Callable[[Surface, Sequence[np.ndarray]], Iterator[tuple[int, T]]],
    coords: Sequence[np.ndarray],
    threads: int = 1,
) -> Iterator[tuple[int, T]]:
    """Apply work to a surface and all of the coordinates, where the surface says that this is faster."""
    with torch_threads(threads):
        yield from work(engine.surface, coords)


def _in_processes(
    engine: Engine,
    work: Callable[[Surface, np.ndarray], T],
    coords: dict[int, np.ndarray],
    threads: int,
    deadline: Deadline,
) -> Iterator[tuple[int, T]]:
    left, numbers = dict(coords), list(coords)
    set_up = partial(_open_surface, engine.potential, Chem.Mol(engine.mol, True).ToBinary(), work)
    try:
        for place, answer in in_processes(set_up, list(coords.values()), threads, deadline):
            del left[numbers[place]]
            yield numbers[place], answer
    except ProcessError as error:
        rdBase.LogWarningMsg(f"Other processes could not be used, and the work continues in this one: {error}")
    for k, x in left.items():
        if deadline.passed:
            return
        yield k, work(engine.surface, x)


def _open_surface(
    potential: Potential, binary: bytes, work: Callable[[Surface, np.ndarray], T]
) -> Callable[[np.ndarray], T]:
    """What another process does with each of the coordinates."""
    surface = potential.surface(Chem.Mol(binary))  # type: ignore[call-overload]  # RDKit's stub wants str
    return partial(work, surface)
