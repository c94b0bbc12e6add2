"""How many conformers per second does a GPU make? With RDKit's seeds, which the CPU makes, and without them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from rdkit_ebd.api import EmbedWithReport
from rdkit_ebd.bench.table import Columns, Table
from rdkit_ebd.bench.timing import Plan
from rdkit_ebd.data.record import Record
from rdkit_ebd.library.embed_molecules import EmbedMolecules
from rdkit_ebd.params import EBD

CONFORMERS = (50, 500)
BATCH_ATOMS = (4096, 65536)  # atoms per call of the network: the default, and what fills a large device
RATES: Columns = {
    "call": ("call", "{}"),
    "confs": ("conformers of each", "{}"),
    "batch_atoms": ("atoms per batch", "{}"),
    "per_second": ("conformers / s", "{:.0f}"),
    "without_coarse": ("without the coarse stage", "{:.0f}"),
    "deblur": ("deblurring alone", "{:.0f}"),
    "conformers": ("conformers made", "{}"),
}


def device_table(
    records: Sequence[Record],
    plan: Plan,
    device: str = "cuda",
    counts: Sequence[int] = CONFORMERS,
    batch_atoms: Sequence[int] = BATCH_ATOMS,
    preset: str | None = None,
) -> Table:
    """Conformers per second on a device, by number of conformers of each molecule and by size of batch.

    One row for single calls, one after another, with what they are without the stages before the device; and one for
    `EmbedMolecules` with its own choice of workers, whose start is part of the time.

    Args:
        records: Molecules.
        plan: Its seed, and the threads of the coarse stage.
        device: "cuda", "cuda:N" or "cpu".
        counts: Conformers of each molecule.
        batch_atoms: `EBD.batchAtoms`.
        preset: Of `EBD.preset`; None: the defaults.

    Raises:
        ValueError: There is no such device, or the model cannot treat one of the molecules.
    """
    rows = []
    with rdBase.BlockLogs():
        for count in counts:
            for atoms in batch_atoms:
                own = {"device": device, "randomSeed": plan.seed, "numThreads": plan.threads, "batchAtoms": atoms}
                params = EBD.preset(preset, **own) if preset else EBD.from_dict(own)
                EmbedWithReport(Chem.Mol(records[0].mol), count, params)  # kernels are chosen and memory is taken
                for call, rates in (("one by one", _rates), ("EmbedMolecules", _library_rate)):
                    size = {"confs": count, "batch_atoms": atoms}
                    rows.append({"call": call, **size, **rates(records, count, params)})
    return Table("device", f"On {device}: {len(records)} molecules.", RATES, rows)


def largest_difference(records: Sequence[Record], device: str, params: EBD, count: int = 2) -> float:
    """How far an atom is apart in conformers that a device and the CPU make of the same seeds, at most; angstrom.

    Args:
        records: Molecules.
        device: "cuda", "cuda:N" or "cpu".
        params: With a random seed.
        count: Conformers of each molecule.

    Raises:
        RuntimeError: They did not make the same conformers.
    """
    farthest = 0.0
    for record in records:
        here, there = Chem.Mol(record.mol), Chem.Mol(record.mol)
        ids = [
            EmbedWithReport(mol, count, dataclasses.replace(params, device=name)).ids
            for mol, name in ((here, "cpu"), (there, device))
        ]
        if ids[0] != ids[1]:
            raise RuntimeError(f"{record.title}: the CPU made conformers {ids[0]}, {device} {ids[1]}")
        for k in ids[0]:
            apart = here.GetConformer(k).GetPositions() - there.GetConformer(k).GetPositions()
            farthest = max(farthest, float(np.abs(apart).max()))
    return farthest


def _rates(records: Sequence[Record], count: int, params: EBD) -> dict[str, Any]:
    start = time.perf_counter()
    reports = [EmbedWithReport(Chem.Mol(record.mol), count, params) for record in records]
    total = time.perf_counter() - start  # coordinates are back on the CPU: the device is done
    made = sum(len(report.ids) for report in reports)
    coarse, deblur = (sum(r.seconds.get(stage, 0.0) for r in reports) for stage in ("coarse", "deblur"))
    seconds = {"per_second": total, "without_coarse": total - coarse, "deblur": deblur}
    return {"conformers": made, **{name: made / spent for name, spent in seconds.items() if spent > 0}}


def _library_rate(records: Sequence[Record], count: int, params: EBD) -> dict[str, Any]:
    report = EmbedMolecules([Chem.Mol(record.mol) for record in records], count, params)
    made = len(report.total.ids)
    return {"conformers": made, "per_second": made / report.seconds}
