"""What becomes of each molecule of a library, and whose turn is it? Outcomes, not errors, in the order of the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rdkit import Chem

from rdkit_ebd.embedding.held_core import ContradictedPose
from rdkit_ebd.embedding.pipeline import EmbedOutcome, UnsupportedMolecule, make
from rdkit_ebd.generators.service import Deblurrer, DeviceFull
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport, FailureCause


@dataclass(frozen=True)
class Job:
    """A molecule and the conformers wanted of it.

    Attributes:
        mol: Sanitised, with atoms.
        num_confs: Conformers wanted.
        held: Positions of the atoms of its core, by index, angstrom; in place of the parameters' `coordMap`.
    """

    mol: Chem.Mol
    num_confs: int
    held: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)


def failed(num_confs: int, cause: FailureCause, message: str) -> EmbedOutcome:
    """The outcome of a molecule of which nothing could be made, and which stays as it is."""
    causes = [(k, cause) for k in range(num_confs)]
    return EmbedOutcome([], EmbedReport(requested=num_confs, failed=causes, messages=[message]), None)


def outcome_of(job: Job, params: EBD, deblurrer: Deblurrer | None = None) -> EmbedOutcome:
    """Make the conformers of a molecule; whatever goes wrong is an outcome too, so that the others are done.

    Args:
        job: A sanitised molecule with atoms.
        params: Validated, but for what depends on the molecule.
        deblurrer: As in `embed.make`.
    """
    if job.held:
        params = params.copy()
        params.SetCoordMap(job.held)
    try:
        params.validate(job.mol.GetNumAtoms())
    except ValueError as error:  # coordMap beyond its atoms
        return failed(job.num_confs, FailureCause.BAD_PARAMETERS, str(error))
    try:
        return make(job.mol, job.num_confs, params, deblurrer=deblurrer)
    except UnsupportedMolecule as error:
        return failed(job.num_confs, error.cause, error.reason)
    except ContradictedPose as error:
        cause = FailureCause.NO_CORE if job.held else FailureCause.BAD_PARAMETERS
        return failed(job.num_confs, cause, str(error))
    except (MemoryError, DeviceFull) as error:
        return failed(job.num_confs, FailureCause.OUT_OF_MEMORY, str(error) or "out of memory")
    except Exception as error:
        return failed(job.num_confs, FailureCause.INTERNAL_ERROR, f"internal error: {error!r}")
