"""What becomes of a shard that is refined or scored? Another shard of the same name, and a record of it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from rdkit import Chem, rdBase

from rdkit_ebd.ensemble.refine import RefineWithReport
from rdkit_ebd.ensemble.score import FilterEnergyWindow, score
from rdkit_ebd.io.conformer_table import molecule_key
from rdkit_ebd.runtime.process_crew import ProcessCrew
from rdkit_ebd.shards.embed_work import ChunkDone
from rdkit_ebd.shards.run import RECORDS, SHARDS
from rdkit_ebd.shards.shard import SUFFIXES, new_shard
from rdkit_ebd.shards.store import Store, digest_of
from rdkit_ebd.shards.tables import Piece, molecules_at

_ALL = int(Chem.PropertyPickleOptions.AllProps) | int(Chem.PropertyPickleOptions.CoordsAsDouble)
DEATHS = 2  # processes that one molecule may cost


@dataclass(frozen=True)
class EnergyJob:
    """What is wanted of every molecule.

    Attributes:
        method: Name of the potential.
        refines: Whether conformers are relaxed, rather than given energies as they are.
        options: Of `RefineWithReport`.
        window: What lies above the lowest by more is left out, kcal/mol; None: nothing.
        form: Of the shards, a key of `SUFFIXES`.
    """

    method: str
    refines: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    window: float | None = None
    form: str = "parquet"

    def __call__(self, mol: Chem.Mol) -> str:
        """Do it with the conformers of a molecule; what went wrong, empty where nothing did."""
        try:
            if self.refines:
                report = RefineWithReport(mol, self.method, **self.options)
                return "" if report.ok else report.summary()
            energies, obstacle, _ = score(mol, self.method, numThreads=1)
            missing = sum(map(math.isnan, energies))
            within = FilterEnergyWindow(mol, math.inf if self.window is None else self.window)
            for conformer in [c.GetId() for c in mol.GetConformers() if c.GetId() not in within]:
                mol.RemoveConformer(conformer)
            return (obstacle or f"{missing} of {len(energies)} conformers without energy") if missing else ""
        except Exception as error:  # whatever it is, it must not stop the others
            return f"{error!r}"


@dataclass(frozen=True)
class EnergySetUp:
    """Makes, in each worker, what refines or scores shards.

    Attributes:
        job: What is wanted.
        store: Where shards go.
        deblurrer: None: no network is run.
    """

    job: EnergyJob
    store: Store
    deblurrer: None = None

    def __call__(self) -> EnergyWork:
        """Take one thread."""
        torch.set_num_threads(1)
        return EnergyWork(self.job, self.store)


@dataclass(frozen=True)
class EnergyWork:
    """Refines or scores shards; see `EnergySetUp`."""

    job: EnergyJob
    store: Store

    def __call__(self, piece: Piece, losses: int) -> ChunkDone:
        """Make the shard of a piece and the record that says so, in this order.

        Args:
            piece: It.
            losses: How many workers have died on it; after the first, each molecule is done by another process.

        Raises:
            OSError: A file cannot be read or written.
        """
        begun, shard = time.perf_counter(), new_shard(self.job.form)
        record: dict[str, Any] = {"chunk": piece.name, "entries": 0, "molecules": 0, "conformers": 0, "failures": 0}
        record["failed"] = []
        with rdBase.BlockLogs():
            for mol in molecules_at(piece.file):
                record["entries"] += mol.GetNumConformers()
                mol, problem = _apart(self.job, mol) if losses else (mol, self.job(mol))
                position, isomer = molecule_key(mol)
                name = mol.GetProp("_Name")
                shard.add(mol, position, isomer, name, None)
                record["molecules"] += 1
                record["conformers"] += mol.GetNumConformers()
                record["failures"] += bool(problem)
                if problem:
                    place = {"name": name, "file": piece.file, "position": position}
                    smiles = Chem.MolToSmiles(Chem.RemoveHs(mol))
                    record["failed"].append({"smiles": smiles, **place, "cause": "ENERGY", "message": problem})
        content = shard.content()
        name = piece.name + SUFFIXES[self.job.form]
        record |= {"shard": name, "size": len(content), "sha256": digest_of(content)}
        record["seconds"] = round(time.perf_counter() - begun, 3)
        self.store.write(f"{SHARDS}/{name}", content)
        self.store.write_json(f"{RECORDS}/{piece.name}.json", record)
        return ChunkDone(record)


def _apart(job: EnergyJob, mol: Chem.Mol) -> tuple[Chem.Mol, str]:
    """A molecule done by another process, which may die of it."""
    crew = ProcessCrew(1)
    [(_, (binary, problem))] = crew.answers(_OneSetUp(job), iter([mol.ToBinary(_ALL)]))
    return Chem.Mol(binary), problem


@dataclass(frozen=True)
class _OneSetUp:
    job: EnergyJob

    def __call__(self) -> _One:
        torch.set_num_threads(1)
        return _One(self.job)


@dataclass(frozen=True)
class _One:
    job: EnergyJob

    def __call__(self, binary: bytes, losses: int) -> tuple[bytes, str]:
        if losses >= DEATHS:
            return binary, f"{losses} processes died on it"
        mol = Chem.Mol(binary)  # type: ignore[call-overload]  # RDKit's stubs say str
        with rdBase.BlockLogs():
            problem = self.job(mol)
        return mol.ToBinary(_ALL), problem
