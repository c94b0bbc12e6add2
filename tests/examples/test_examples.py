"""Do the examples run, from any folder, as a newcomer would run them?"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TELL = {
    "quickstart": "conformers",
    "drop_in": "conformers of ibuprofen",
    "constrained_core": "at most 0.0000 angstrom",
    "fep_series": "10 ligands in series.sdf, cores at most 0.0000",
    "refine_and_rank": "above the lowest",
    "docking_prep": "amide_trans",
    "dft_input": "inputs each for ORCA, Psi4 and xtb",
    "library_resume": "lowest.sdf: 5 molecules",
    "train_on_your_sdf": "before and after, on 1 validation molecule",
    "openff_workflow": "kcal/mol",
    "mdtraj_clusters": "cluster",
    "paper_figures": "wrote deblurring.png",
    "watch_it_happen": "ensemble.png: all 20",
    "shape_search": "(S)-naproxen    shape 0.",
}
NEEDS = {
    "refine_and_rank": "tblite",
    "docking_prep": "meeko",
    "openff_workflow": "openff",
    "mdtraj_clusters": "mdtraj",
    "paper_figures": "matplotlib",
    "watch_it_happen": "matplotlib",
}
OF_THEIR_OWN = {"demo"}  # `make demo`


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*TELL, *OF_THEIR_OWN}


@pytest.mark.parametrize("name", TELL)
def test_example(name: str, tmp_path: Path) -> None:
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert TELL[name] in done.stdout
