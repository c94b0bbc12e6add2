"""Who is asked first? `register()` puts EBD at the head of a toolkit registry, `unregister()` takes it out again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from openff.toolkit.utils.base_wrapper import ToolkitWrapper
from openff.toolkit.utils.toolkit_registry import ToolkitRegistry
from openff.toolkit.utils.toolkits import GLOBAL_TOOLKIT_REGISTRY
from rdkit.Chem import rdDistGeom

from rdkit_ebd import EBD
from rdkit_ebd_openff.wrapper import EBDToolkitWrapper

Parameters = EBD | rdDistGeom.EmbedParameters


def register(params: Parameters | None = None, registry: ToolkitRegistry | None = None) -> EBDToolkitWrapper:
    """Let EBD make the conformers wherever no toolkit is named; the others stay, in their order, behind it.

    Beware of the toolkit's way with errors: a registry answers any exception of one wrapper by asking the next, so that
    RDKit steps in unnoticed. Whoever wants to see them passes the wrapper itself:
    `molecule.generate_conformers(toolkit_registry=EBDToolkitWrapper())`.

    Args:
        params: As for `EBDToolkitWrapper`.
        registry: None for the global one.

    Returns:
        The wrapper, whose `report` is that of its latest call. One that was registered before is replaced.

    Raises:
        TypeError: `params` is neither an `EBD` nor RDKit's `EmbedParameters`; the registry is as it was.

    Example:
        >>> from openff.toolkit import Molecule
        >>> wrapper = register(EBD(randomSeed=3))
        >>> Molecule.from_smiles("CCCO").generate_conformers(n_conformers=2)
        >>> wrapper.report.requested
        2
        >>> unregister()
    """
    registry = GLOBAL_TOOLKIT_REGISTRY if registry is None else registry
    wrapper = EBDToolkitWrapper(params)
    _refill(registry, [wrapper, *_others(registry)])
    return wrapper


def unregister(registry: ToolkitRegistry | None = None) -> None:
    """Undo `register()`; without one before, nothing happens.

    Args:
        registry: None for the global one.

    Example:
        >>> wrapper = register()
        >>> unregister()
    """
    registry = GLOBAL_TOOLKIT_REGISTRY if registry is None else registry
    _refill(registry, _others(registry))


@contextmanager
def registered(
    params: Parameters | None = None, registry: ToolkitRegistry | None = None
) -> Iterator[EBDToolkitWrapper]:
    """`register()` for a `with` block; afterwards EBD is where it was before, or nowhere.

    Args:
        params: As for `EBDToolkitWrapper`.
        registry: None for the global one.

    Returns:
        The wrapper.

    Example:
        >>> from openff.toolkit import Molecule
        >>> with registered() as wrapper:
        ...     Molecule.from_smiles("CCCO").generate_conformers(n_conformers=1)
        >>> wrapper.report.ids
        [0]
    """
    registry = GLOBAL_TOOLKIT_REGISTRY if registry is None else registry
    before = registry.registered_toolkits
    try:
        yield register(params, registry)
    finally:
        came = [toolkit for toolkit in _others(registry) if toolkit not in before]
        _refill(registry, [*before, *came])


def _others(registry: ToolkitRegistry) -> list[ToolkitWrapper]:
    return [toolkit for toolkit in registry.registered_toolkits if not isinstance(toolkit, EBDToolkitWrapper)]


def _refill(registry: ToolkitRegistry, toolkits: Sequence[ToolkitWrapper]) -> None:
    # A registry knows how to append and how to remove all of one type, but not how to put something first.
    for kind in {type(toolkit): toolkit for toolkit in registry.registered_toolkits}.values():
        registry.deregister_toolkit(kind)
    for toolkit in toolkits:
        registry.register_toolkit(toolkit)
