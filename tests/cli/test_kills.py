"""Does anything outlive a command of the shell that is killed or interrupted in the middle of its work?"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from crew import children, running
from helpers import embedded
from rdkit import Chem

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")

# A test runner in the background hands down an ignored SIGINT; a user's shell does not. Other processes at once.
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from rdkit_ebd.ensemble import energy_runner; energy_runner.POOL_PAYS = 0.0\n"
    "from rdkit_ebd.cli import main; main()"
)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_refining_with_gfn2_leaves_nothing(how: signal.Signals, tmp_path: Path) -> None:
    pytest.importorskip("tblite")
    mol = embedded("tamoxifen", 4)
    with Chem.SDWriter(str(tmp_path / "in.sdf")) as writer:
        for conformer in mol.GetConformers():
            writer.write(mol, conformer.GetId())
    words = ["refine", "in.sdf", "-o", "out.sdf", "--method", "GFN2-xTB", "--threads", "2"]
    command = [sys.executable, "-c", COMMAND, *words]
    before = set(Path("/dev/shm").iterdir())
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 180
        while len(children(process.pid)) < 2 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        time.sleep(3)  # until they are at work
        pids = children(process.pid)
        assert len(pids) == 2
        begin = time.monotonic()
        process.send_signal(how)
        _, errors = process.communicate()
        seconds = time.monotonic() - begin
    assert process.returncode == (130 if how == signal.SIGINT else -how), errors
    assert "Traceback" not in errors
    assert seconds < 6  # less than 2 where nobody else is at work
    until = time.monotonic() + 2
    while any(map(running, pids)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(map(running, pids))
    assert [path.name for path in tmp_path.iterdir()] == ["in.sdf"]
    assert not [path for path in set(Path("/dev/shm").iterdir()) - before if path.name.startswith("sem.")]
