"""Does `rdkit-ebd embed` fill a folder of shards, continue it, and say what is wrong before anything is written?"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import polars
import pyarrow.parquet
import pytest
from command_line import call
from helpers import DRUGS

from rdkit_ebd.runtime import ray_cluster


@pytest.fixture
def library(tmp_path: Path) -> Path:
    table = {"smiles": [DRUGS["aspirin"], "C1CC", DRUGS["nicotine"]], "name": ["aspirin", "open", "nicotine"]}
    polars.DataFrame({**table, "pIC50": [5.5, 6.0, 7.0]}).write_parquet(tmp_path / "library.parquet")
    return tmp_path / "library.parquet"


def test_a_folder_is_filled_and_continued(library: Path, tmp_path: Path) -> None:
    words = ["embed", library, "-o", f"{tmp_path}/out/", "--chunk", 2, "-n", 2, "--workers", 0]
    done = call(*words)
    assert done.exit_code == 1, done.output
    assert "3 molecules, 4 conformers, 1 failure (in " in done.stderr
    table = polars.read_parquet(tmp_path / "out" / "conformers" / "*.parquet")
    assert table["name"].to_list() == ["aspirin"] * 2 + ["nicotine"] * 2
    fields = pyarrow.parquet.read_table(tmp_path / "out" / "conformers")["fields"].to_pylist()
    assert dict(fields[0]) == {"pIC50": "5.5"}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["--num-confs"] == "2"
    assert set(manifest["versions"]) == {"rdkit_ebd", "RDKit", "torch", "numpy", "pyarrow"}
    assert "--resume continues it" in call(*words).output
    before = table["coordinates"].to_list()
    (tmp_path / "out" / "chunks" / "part-000000000000.json").unlink()
    again = call(*words, "--resume")
    assert "3 molecules (1 in earlier runs)" in again.stderr
    assert polars.read_parquet(tmp_path / "out" / "conformers" / "*.parquet")["coordinates"].to_list() == before
    other = call(*words[:-2], "--workers", 0, "--resume", "--seed", 1)
    assert other.exit_code == 2
    assert "randomSeed was 42 and is 1" in " ".join(other.output.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--address", "auto"], "--address and --gpus-per-actor are for --runner ray"),
        (["--runner", "ray", "--workers", 2], "--workers is for --runner local"),
        (["--chunk", 5, "--seed", -1], "--seed other than -1"),
        (["--chunk", 5, "--threads", 2], "--threads is for one file"),
        (["--chunk", 5, "--report", "a.csv"], "shards has failures.csv"),
        (["--chunk", 5, "--dedupe"], "--dedupe depends on all molecules before"),
        (["--runner", "ray", "--address", "nowhere"], "'nowhere' is no address of a Ray cluster"),
    ],
)
def test_contradictions_are_found_before_anything_is_written(
    library: Path, tmp_path: Path, options: list[object], words: str
) -> None:
    done = call("embed", library, "-o", f"{tmp_path}/out", *options)
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_an_address_without_ray_is_known_soon(library: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    done = call("embed", library, "-o", f"{tmp_path}/out/", "--runner", "ray", "--address", f"127.0.0.1:{free}")
    assert 2 * ray_cluster.SECONDS < 15  # to be let in, and to be answered
    assert done.exit_code == 2
    assert f"there is no Ray at 127.0.0.1:{free}: " in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_what_is_no_ray_is_known_soon(library: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:  # which takes connections and never says a word
        port = other.getsockname()[1]
        done = call(
            "embed", library, "-o", f"{tmp_path}/out/", "--runner", "ray", "--address", f"ray://127.0.0.1:{port}"
        )
    assert done.exit_code == 2
    assert "there is no Ray at" in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_named(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "ray"] + ["ray"]:
        monkeypatch.setitem(sys.modules, name, None)
    done = call("embed", library, "-o", f"{tmp_path}/out/", "--runner", "ray")
    assert done.exit_code == 2
    assert 'pip install "rdkit_ebd[ray]"' in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_a_dry_run_writes_nothing(library: Path, tmp_path: Path) -> None:
    words = ["embed", library, "-o", f"{tmp_path}/out/", "--chunk", 2, "-n", 1, "--workers", 0, "--price", 0.5]
    done = call(*words, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "3 molecules in 2 chunks" in done.stdout
    assert "sample of 3: " in done.stdout
    assert "33 % with fewer than wanted" in done.stdout
    assert " at 0.5 a core and hour" in done.stdout
    assert not (tmp_path / "out").exists()
