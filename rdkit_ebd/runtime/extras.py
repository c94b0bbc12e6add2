"""Which optional package is missing, and how is it installed?"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def needed(module: str, extra: str, purpose: str) -> Any:
    """A module of an optional package.

    Args:
        module: Such as "pyarrow.parquet".
        extra: Of this package, which brings it.
        purpose: What needs it, the beginning of the message.

    Raises:
        ImportError: It is not installed; the message has the install line.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f'{purpose} needs {package}: pip install "rdkit_ebd[{extra}]"') from error
