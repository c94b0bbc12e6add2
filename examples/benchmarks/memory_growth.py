"""Does a process that embeds all day stay as large as it was? Its memory over many calls (Linux).

python examples/benchmarks/memory_growth.py [--calls 10000]
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rdkit import Chem, rdBase

import rdkit_ebd

# Large enough for the network, with a centre; a salt; stereo that no ring can have; an element unknown to the model.
MOLECULES = (
    "C[C@H](O)CCCO",
    "C[C@H]([NH3+])CCO.[Cl-]",
    "C1[C@H]2[C@H]1C2",
    "CCCCC[GeH3]",
)
QUICK: dict[str, Any] = {"numSteps": 1, "numRounds": 1, "maxIterations": 1}


def main() -> None:
    """Print the memory after each tenth of the calls."""
    parser = argparse.ArgumentParser(description="Embed again and again, and watch the memory.")
    parser.add_argument("--calls", type=int, default=10_000)
    calls = parser.parse_args().calls
    rdBase.DisableLog("rdApp.*")
    for number, size in enumerate(sizes(MOLECULES, calls, max(1, calls // 10))):
        print(f"{number * max(1, calls // 10)} calls: {size:.1f} MiB", flush=True)


def sizes(smiles: Sequence[str], calls: int, step: int) -> Iterator[float]:
    """Memory of this process, MiB: before the calls, and after every `step` of them. The molecules take turns."""
    yield resident()
    for call in range(calls):
        embed(smiles[call % len(smiles)], call)
        if (call + 1) % step == 0:
            yield resident()


def embed(smiles: str, seed: int) -> None:
    """One call on a molecule of its own, with two conformers; a rejection is an outcome, too."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    try:
        rdkit_ebd.EmbedMolecule(mol, numConfs=2, randomSeed=seed, **QUICK)
    except ValueError as rejection:
        if "cannot treat" not in str(rejection):
            raise


def resident() -> float:
    """Memory of this process, MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
