"""How many conformers of drugs does a GPU make in a second, and are they those of the CPU?

python examples/benchmarks/gpu.py                              # the first GPU
python examples/benchmarks/gpu.py --device cpu --molecules 1 --confs 2
"""

from __future__ import annotations

import argparse

from rdkit import rdBase

from rdkit_ebd import EBD
from rdkit_ebd.bench import DRUGS, Plan, device_table, largest_difference, read_targets

SAME = 0.01  # angstrom, within which conformers of two devices count as the same


def main() -> None:
    """Print a table for each preset, and how far its conformers are from the CPU's."""
    parser = argparse.ArgumentParser(description="Conformers per second on a device.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--molecules", type=int, default=10)
    parser.add_argument("--confs", type=int, nargs="+", default=[50, 250])
    parser.add_argument("--batch-atoms", type=int, nargs="+", default=[4096, 65536])
    parser.add_argument("--presets", nargs="+", default=["dft", "docking", "fast"])
    asked = parser.parse_args()
    rdBase.DisableLog("rdApp.*")
    records = read_targets(DRUGS, asked.molecules)
    for preset in asked.presets:
        table = device_table(records, Plan(), asked.device, asked.confs, asked.batch_atoms, preset)
        print(f"preset {preset}\n{table}", flush=True)
        apart = largest_difference(records[:3], asked.device, EBD.preset(preset, randomSeed=1))
        print(f"conformers of {asked.device} and of the CPU: at most {apart:.4f} angstrom apart\n", flush=True)
        if apart > SAME:
            raise SystemExit(f"that is more than {SAME} angstrom")


if __name__ == "__main__":
    main()
