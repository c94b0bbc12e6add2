"""On what was it measured? CPU, cores, load, versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import rdkit
import torch

from rdkit_ebd import __version__
from rdkit_ebd.runtime.cores import usable_cores

CPU_INFO = Path("/proc/cpuinfo")


def describe_machine(threads: int) -> dict[str, Any]:
    """Names and numbers, as JSON takes them; `load` is that of the last minute before the call, where it is known."""
    found: dict[str, Any] = {"cpu": _cpu(), "cores": usable_cores(), "threads": threads}
    if hasattr(os, "getloadavg"):
        found["load"] = round(os.getloadavg()[0], 2)
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    versions = {"python": platform.python_version(), "torch": torch.__version__, "rdkit": rdkit.__version__}
    return {**found, **versions, "rdkit_ebd": __version__}


def in_words(machine: dict[str, Any]) -> str:
    """One line, such as "AMD EPYC, 2 cores (load 0.1), 1 thread; rdkit_ebd 0.1.0, ..."."""
    load = f" (load {machine['load']:g})" if "load" in machine else ""
    hardware = [f"{machine['cpu']}, {machine['cores']} cores{load}, threads used: {machine['threads']}"]
    hardware += [machine["gpu"]] if "gpu" in machine else []
    versions = [f"{name} {machine[name]}" for name in ("rdkit_ebd", "rdkit", "torch", "python")]
    return f"{'; '.join(hardware)}; {', '.join(versions)}"


def _cpu() -> str:
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
