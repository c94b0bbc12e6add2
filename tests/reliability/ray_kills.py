"""What is left of a run on a Ray cluster whose parts are killed at random? `python tests/reliability/ray_kills.py`.

Each round runs 2,000 molecules on raylets of this machine with points on a grid for conformers: a driver of its own is
killed after a random time, and continued; of the second a worker is killed, and a raylet with all that is on it, which
another takes the place of. Then the shards are compared with those of one process, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from ray_clusters import another, raylets, workers
from shard_runs import GRID, library_of, rows, run, shards

from rdkit_ebd.runtime.ray_crew import RayCrew

DRIVER = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from shard_runs import GRID, run; from rdkit_ebd.runtime.ray_crew import RayCrew\n"
    "from rdkit_ebd.shards.chunks import Library\n"
    "run(Library.at(sys.argv[2]), sys.argv[3], int(sys.argv[4]), GRID, RayCrew(sys.argv[5]))"
)


def main() -> None:
    """Run the rounds, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--molecules", type=int, default=2000)
    parser.add_argument("--chunk", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, raylets([1, 1]) as (cluster, nodes):
        folder = Path(name)
        library = library_of(folder, asked.molecules)
        run(library, folder / "alone", asked.chunk)
        expected, every = shards(folder / "alone"), rows(folder / "alone")
        wrong = 0
        for number in range(1, asked.rounds + 1):
            line, same = one_round(number, library, folder / f"out{number}", asked.chunk, cluster, nodes, expected)
            same = same and rows(folder / f"out{number}") == every
            wrong += not same
            print(f"{number}: {line}; {'the same bytes, none twice' if same else 'NOT THE SAME'}", flush=True)
        print(f"{asked.rounds - wrong} of {asked.rounds} rounds left the same bytes")
    raise SystemExit(bool(wrong))


def one_round(
    number: int, library: Any, out: Path, chunk: int, cluster: Any, nodes: list[Any], expected: dict[str, bytes]
) -> tuple[str, bool]:
    """What was killed and when, and whether the shards are those expected."""
    import ray

    chance, tests = random.Random(number), str(Path(__file__).parents[1])
    words = [tests, library.files[0], out, chunk, cluster.address]
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, *map(str, words)], stderr=subprocess.DEVNULL)
    after = chance.randrange(len(expected) // 2)
    while driver.poll() is None and len(list(out.glob("chunks/part-*.json"))) <= after:
        time.sleep(0.02)
    driver.kill()
    driver.wait()
    first, second = sorted(chance.sample(range(after + 1, len(expected) - 4), 2))
    killed: list[int] = []

    def watch(tally: Any) -> None:
        if tally.chunks >= first and not killed and (pids := workers()):
            killed.append(chance.choice(pids))
            os.kill(killed[0], signal.SIGKILL)
        if tally.chunks >= second and nodes:
            cluster.remove_node(nodes.pop(), allow_graceful=False)

    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    tally = run(library, out, chunk, GRID, RayCrew(), watch=watch)
    ray.shutdown()
    lost = "a raylet" if not nodes else "no raylet"
    if not nodes:
        nodes.extend([node] if (node := another(cluster)) else [])
    line = f"driver killed after {tally.before // chunk} chunks, a worker after {first}, {lost} after {second}"
    return line, bool(killed) and shards(out) == expected


if __name__ == "__main__":
    main()
