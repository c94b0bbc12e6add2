"""
A library, interrupted and resumed
==================================

On two workers, stopped by Ctrl-C in the middle, continued by the same command, and then ranked: what a night's job on a
million molecules is, on eight.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

DRUGS = {
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "ibuprofen": "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O",
    "a typing error": "CC(=O)Nc1ccc(O)cc",
    "captopril": "C[C@H](CS)C(=O)N1CCC[C@H]1C(=O)O",
    "nicotine": "CN1CCC[C@H]1c1cccnc1",
    "lidocaine": "CCN(CC)CC(=O)Nc1c(C)cccc1C",
}
TOOL = [sys.executable, "-m", "rdkit_ebd"]
OUTPUT = ["-o", "library.sdf", "--part-size", "2", "--failed", "failed.csv"]
EMBED = ["embed", "library.smi", "-n", "2", "--workers", "2", *OUTPUT]
RANK = ["rank", "library.sdf", "--by", "MMFF94s", "--top", "1", "--table", "ranks.csv", "-o", "lowest.sdf"]


def main() -> None:
    """Embed, interrupt, resume, rank."""
    Path("library.smi").write_text("".join(f"{smiles} {name}\n" for name, smiles in DRUGS.items()))
    with subprocess.Popen([*TOOL, *EMBED]) as job:
        while job.poll() is None and not Path("library.sdf.parts", "000001.sdf").exists():
            time.sleep(0.05)  # until the first part is finished
        job.send_signal(signal.SIGINT)
    print(f"interrupted: exit code {job.returncode}, library.sdf is {'there' if done() else 'not there'}", flush=True)
    resumed = subprocess.run([*TOOL, *EMBED, "--resume"], check=False)
    print(f"resumed: exit code {resumed.returncode}, as one molecule is none: {Path('failed.csv').read_text().strip()}")
    subprocess.run([*TOOL, *RANK], check=True)
    print(f"lowest.sdf: {Path('lowest.sdf').read_text().count('$$$$')} molecules, each at its lowest conformer")


def done() -> bool:
    """Whether the output is complete: it appears whole or not at all."""
    return Path("library.sdf").exists()


if __name__ == "__main__":
    main()
