"""How do OpenFF molecules get EBD conformers? `register()`, and `generate_conformers()` is answered by the model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdkit_ebd_openff.registry import register as register
    from rdkit_ebd_openff.registry import registered as registered
    from rdkit_ebd_openff.registry import unregister as unregister
    from rdkit_ebd_openff.wrapper import EBDToolkitWrapper as EBDToolkitWrapper

INSTALL = "conda install -c conda-forge openff-toolkit"

# A subclass of the toolkit's own wrapper can exist only where the toolkit is: all of this is loaded when first used.
_HOMES = {
    "EBDToolkitWrapper": "wrapper",
    "register": "registry",
    "registered": "registry",
    "unregister": "registry",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("openff"):
            raise
        raise ImportError(f"{name} needs the OpenFF toolkit, which is not on PyPI: {INSTALL}") from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
