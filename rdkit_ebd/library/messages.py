"""What do a worker process and its parent say to each other? A few messages, each pickled whole."""

from __future__ import annotations

from dataclasses import dataclass

from rdkit import Chem

from rdkit_ebd.embedding.component_task import OWN
from rdkit_ebd.library.job import Job
from rdkit_ebd.params import EBD

_WITHOUT_CONFORMERS = int(Chem.PropertyPickleOptions.AllProps) | int(Chem.PropertyPickleOptions.NoConformers)
_WITH_CONFORMERS = int(Chem.PropertyPickleOptions.AllProps) | int(Chem.PropertyPickleOptions.CoordsAsDouble)


@dataclass(frozen=True)
class Start:
    """The parent's first message.

    Attributes:
        params: Of every molecule.
        served: Whether the parent deblurs.
    """

    params: EBD
    served: bool


@dataclass(frozen=True)
class Ready:
    """The worker's first message: the model is loaded."""


@dataclass(frozen=True)
class Work:
    """A molecule to do; the worker answers with an `EmbedOutcome`, and before it may ask with `Request`s.

    Attributes:
        mol: As RDKit packs it, with its properties; with its conformers only where they are the seeds.
        num_confs: Conformers wanted.
        held: Positions of the atoms of its core, by index, angstrom.
    """

    mol: bytes
    num_confs: int
    held: dict[int, tuple[float, float, float]]


@dataclass(frozen=True)
class Refusal:
    """The parent's answer to a request that it could not deblur.

    Attributes:
        message: Why.
        full: Whether the memory of the device was too small.
    """

    message: str
    full: bool


def packed(job: Job, params: EBD) -> Work:
    """A job as it is sent."""
    flags = _WITH_CONFORMERS if params.coarse == OWN else _WITHOUT_CONFORMERS
    return Work(job.mol.ToBinary(flags), job.num_confs, dict(job.held))


def unpacked(work: Work) -> Job:
    """A job as it was before it was sent."""
    mol = Chem.Mol(work.mol)  # type: ignore[call-overload]  # RDKit's stubs say str
    return Job(mol, work.num_confs, work.held)
