"""Which values may a parameter take? One function a kind: it checks a value and gives it as it is stored."""

from __future__ import annotations

import dataclasses
import math
import operator
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

Kind = Callable[[str, Any], Any]
"""(field name, value) -> the value as it is stored; raises TypeError or ValueError naming all three."""


def flag(name: str, value: Any) -> bool:
    """True or False; 1 and 0 too, as in RDKit."""
    if not (is_bool(value) or (isinstance(value, int) and value in (0, 1))):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def whole(low: int | None = None, high: int | None = None) -> Kind:
    """An integer, at least `low` and at most `high`; NumPy's integers too, booleans and floats not."""

    def check(name: str, value: Any) -> int:
        if is_bool(value) or not hasattr(value, "__index__"):
            raise TypeError(f"{name} must be an integer, not {value!r}")
        if low is not None and value < low:
            raise ValueError(f"{name} must be at least {low}, not {value!r}")
        if high is not None and value > high:
            raise ValueError(f"{name} must be at most {high}, not {value!r}")
        return operator.index(value)

    return check


def number(low: float = -math.inf, above: float = -math.inf, high: float = math.inf) -> Kind:
    """A finite number, at least `low`, greater than `above` and at most `high`."""

    def check(name: str, value: Any) -> float:
        if is_bool(value) or isinstance(value, str) or not hasattr(value, "__float__"):
            raise TypeError(f"{name} must be a number, not {value!r}")
        if not (math.isfinite(value) and value >= low and value > above):
            bound = f" greater than {above:g}" if math.isfinite(above) else ""
            bound = f" of at least {low:g}" if math.isfinite(low) else bound
            raise ValueError(f"{name} must be a finite number{bound}, not {value!r}")
        if value > high:
            raise ValueError(f"{name} must be at most {high:g}, not {value!r}")
        return float(value)

    return check


def box(name: str, value: Any) -> float:
    """A finite number other than 0, at which RDKit stops in the middle of its work."""
    if number()(name, value) == 0:
        raise ValueError(f"{name} must not be 0")
    return float(value)


def choice(*allowed: Any) -> Kind:
    """One of the values given; an RDKit enum value stands for its name."""

    def check(name: str, value: Any) -> Any:
        value = getattr(value, "name", value)
        if is_bool(value) or value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
        return allowed[allowed.index(value)]

    return check


def text(name: str, value: Any) -> str:
    """A non-empty string, or a path."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be a string, not {value!r}")
    if not os.fspath(value):
        raise ValueError(f"{name} must not be empty")
    return str(os.fspath(value))


def device(name: str, value: Any) -> str:
    """A device name; a `torch.device` stands for its name."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", str(value)):
        raise ValueError(f"{name} must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', not {value!r}")
    return str(value)


def optional(kind: Kind) -> Kind:
    """None, or what `kind` takes."""
    return lambda name, value: None if value is None else kind(name, value)


def positions(name: str, value: Any) -> dict[int, tuple[float, float, float]]:
    """Atom index -> position (Point3D or three numbers), angstrom."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must map atom indices to positions, not {value!r}")
    return {whole(0)(f"an atom index of {name}", i): _position(f"{name}[{i}]", xyz) for i, xyz in value.items()}


def _position(name: str, xyz: Any) -> tuple[float, float, float]:
    try:
        x, y, z = (number()(name, c) for c in xyz)
    except ValueError as error:
        numbers = ", ".join(f"{c!r}" for c in xyz)  # a Point3D does not show what it holds
        raise ValueError(f"{name} must be three finite coordinates in angstrom, not ({numbers})") from error
    except TypeError as error:
        raise TypeError(f"{name} must be a Point3D or three numbers, not {xyz!r}") from error
    return x, y, z


def row(kind: Kind, meaning: str, *, coarse: bool = False) -> dict[str, Any]:
    """What the table below knows of a field beside its name, type and default."""
    return {"kind": kind, "help": meaning, "coarse": coarse}


def setting(default: Any, kind: Kind, meaning: str, *, coarse: bool = False) -> Any:
    """One line of the table: a new parameter is one such line."""
    return dataclasses.field(default=default, metadata=row(kind, meaning, coarse=coarse))


def coarse_setting(default: Any, kind: Kind, meaning: str) -> Any:
    """A line that is handed to RDKit's distance geometry once it differs from its default."""
    return setting(default, kind, meaning, coarse=True)


def is_bool(value: Any) -> bool:
    return type(value).__name__ in ("bool", "bool_")  # NumPy's too, without importing it
