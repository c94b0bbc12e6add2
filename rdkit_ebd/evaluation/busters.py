"""Do conformers pass PoseBusters? Its `mol` configuration, with the names of the tests that failed.

A conformer passes if none of the tests fails. A test that PoseBusters leaves open (an energy ratio where UFF has no
parameters) is not a failure. Salts fail `all_atoms_connected` whatever their coordinates: PoseBusters takes several
components for a broken molecule.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from rdkit import Chem

INSTALL = "pip install posebusters"


def require_posebusters() -> None:
    """Raise an ImportError with the install line where the package is missing."""
    try:
        import posebusters  # noqa: F401
    except ImportError as error:
        raise ImportError(f"PoseBusters is not installed: {INSTALL}") from error


def bust(mol: Chem.Mol, conf_ids: Sequence[int]) -> tuple[float, Counter[str]]:
    """Test conformers of a molecule.

    Args:
        mol: With explicit hydrogens.
        conf_ids: At least one conformer id.

    Returns:
        The share that pass, and how many failed each test.

    Raises:
        ImportError: PoseBusters is missing.
    """
    table = _posebusters().bust([Chem.Mol(mol, False, i) for i in conf_ids], None, None, full_report=False)
    failed = table.eq(False)  # what is missing or not a number is not False
    counts = {str(test): int(count) for test, count in failed.sum().items() if count}
    return float((~failed.any(axis=1)).mean()), Counter(counts)


@lru_cache(maxsize=1)
def _posebusters() -> Any:
    require_posebusters()
    from posebusters import PoseBusters

    # It says again, for every molecule, what the column of its test says.
    logging.getLogger("posebusters").setLevel(logging.ERROR)
    tests = PoseBusters("mol")
    modules = []
    for module in tests.config["modules"]:
        if module["function"] == "energy_ratio":  # the other processes keep their cores
            module = {**module, "parameters": {**module.get("parameters", {}), "num_threads": 1}}
        if module["function"] != "energy_ratio" or "chosen_binary_test_output" in module:  # one of the two has no use
            modules.append(module)
    tests.config = {**tests.config, "modules": modules}
    return tests
