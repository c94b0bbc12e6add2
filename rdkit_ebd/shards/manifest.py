"""What determines a run? Settings, versions, weights, the input: a run is resumed where all of it is the same."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rdkit_ebd.runtime.extras import needed
from rdkit_ebd.runtime.journal import differences
from rdkit_ebd.shards.store import Store

MANIFEST, SUMMARY, FAILURES = "manifest.json", "summary.json", "failures.csv"


def begin_or_resume(store: Store, manifest: Mapping[str, Any], resume: bool) -> bool:
    """Write the manifest of a new run, or see that the one that is there is this run's.

    Args:
        store: Where the run is.
        manifest: All that determines it, as JSON takes it.
        resume: Whether an earlier run may be continued.

    Returns:
        Whether there was an earlier run.

    Raises:
        ValueError: There is one and it is not to be continued, or it is another's, and what differs is named.
        OSError: The place cannot be written.
    """
    before = store.read_json(MANIFEST)
    if before is None:
        if store.read(MANIFEST) is not None:
            raise ValueError(f"{store.place}/{MANIFEST} is no manifest, or is damaged: write elsewhere")
        if store.sizes(""):
            raise ValueError(f"{store.place} is not empty and holds no run: write elsewhere")
        store.write_json(MANIFEST, manifest)
        return False
    if changes := differences(before, manifest):
        raise ValueError(f"{store.place} is of a run with other settings: {'; '.join(changes)}. Write elsewhere")
    if not resume:
        raise ValueError(f"{store.place} holds a run of this command: --resume continues it")
    return True


def versions() -> dict[str, str]:
    """Versions of all that conformers and shards depend on."""
    import numpy
    import torch
    from rdkit import rdBase

    from rdkit_ebd import __version__

    found = {"rdkit_ebd": __version__, "RDKit": rdBase.rdkitVersion, "torch": torch.__version__}
    found["numpy"] = numpy.__version__
    with suppress(ImportError):  # SD shards do without
        found["pyarrow"] = needed("pyarrow", "parquet", "Parquet").__version__
    return found
