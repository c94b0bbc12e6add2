"""How do conformers come about? One molecule's pipeline: components, attempts at each conformer, finish, writing."""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from rdkit import Chem, rdBase

from rdkit_ebd import __version__
from rdkit_ebd.arrays.random_streams import mix
from rdkit_ebd.chem.components import Component, assemble, split, with_hydrogens
from rdkit_ebd.chem.conformers import new_conformer
from rdkit_ebd.chem.provenance import set_provenance
from rdkit_ebd.chem.stereo import unjudged_stereo
from rdkit_ebd.chem.undefined_stereo import UndefinedStereo, is_one_isomer, isomers_shown, undefined_stereo
from rdkit_ebd.embedding.attempts import make_conformers
from rdkit_ebd.embedding.component_task import OWN, Callback, Task, as_known, make_task
from rdkit_ebd.embedding.draft import ConformerDraft
from rdkit_ebd.embedding.effort import excesses
from rdkit_ebd.embedding.postprocess import Finish
from rdkit_ebd.embedding.seedless import why_no_seed
from rdkit_ebd.generators.checkpoint import LoadedModel, load_model
from rdkit_ebd.generators.service import Deblurrer, LocalDeblurrer
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport, FailureCause
from rdkit_ebd.runtime.deadline import NEVER, Deadline
from rdkit_ebd.runtime.threads import torch_threads


class UnsupportedMolecule(ValueError):
    """A molecule that is not treated at all.

    Attributes:
        cause: What a report has for its conformers.
        reason: What is wrong with this molecule, without advice.
    """

    def __init__(self, cause: FailureCause, reason: str) -> None:
        super().__init__(cause, reason)
        self.cause, self.reason = cause, reason

    def __str__(self) -> str:
        """The reason and what to try."""
        return f"{self.reason}; {self.cause.advice}"


@dataclass(frozen=True)
class EmbedOutcome:
    """The conformers of one molecule before they are written; it can be sent to another process.

    Attributes:
        found: What is to be written, in order.
        report: What was made, and what was not and why; without ids.
        origin: Provenance that all of them share; None where the molecule is to be left as it is.
    """

    found: list[ConformerDraft]
    report: EmbedReport
    origin: dict[str, str | int] | None


def embed(mol: Chem.Mol, num_confs: int, params: EBD, callback: Callback | None = None) -> EmbedReport:
    """Make conformers and write them into the molecule; it is touched only once all of them are there.

    Args:
        mol: Changed in place: its conformers alone.
        num_confs: Conformers wanted, at least 0.
        params: Validated parameters.
        callback: Called as (index, path) for every conformer deblurred, where path is the component with the states
            x_t of the deblurring as conformers and the prediction x_0 as the last.

    Returns:
        What was made, and what was not and why.

    Raises:
        The errors of `make`.
    """
    warn_of_missing_hydrogens(mol)
    report = settle(mol, make(mol, num_confs, params, callback), params.clearConfs)
    if report.undefined_stereo:
        rdBase.LogWarningMsg(report.undefined_stereo)
    return report


def settle(mol: Chem.Mol | None, outcome: EmbedOutcome, clear: bool) -> EmbedReport:
    """Write what was made into the molecule, if there is one, and its ids into the report."""
    if mol is not None and outcome.origin is not None:
        outcome.report.ids = write(mol, outcome.found, clear, outcome.origin)
    return outcome.report


def make(
    mol: Chem.Mol,
    num_confs: int,
    params: EBD,
    callback: Callback | None = None,
    deblurrer: Deblurrer | None = None,
) -> EmbedOutcome:
    """Make conformers of a molecule, which is not changed.

    Args:
        mol: As in `embed`.
        num_confs: As there.
        params: As there.
        callback: As there.
        deblurrer: Who has the network; None: this process.

    Raises:
        UnsupportedMolecule: The model cannot treat the molecule and there is no fallback; every offending atom is
            named. Or its own conformers are to be the seeds, and there are none. Or more is asked for than the memory
            of a machine holds.
        ImportError: The engine of a method is not installed; the message has the install line.
        DeviceFull: Not even one conformer fits into the memory of the device.
    """
    if params.coarse == OWN:
        require_conformers(mol)
    report = EmbedReport(requested=num_confs)
    deadline = Deadline.after(params.timeout)
    seed = secrets.randbits(31) if params.randomSeed == -1 else params.randomSeed
    with report.timed("model"):
        model = load_model(params.model, params.device)
    if found_excesses := excesses(mol, num_confs, params, model.config.sampling):
        raise UnsupportedMolecule(FailureCause.BAD_PARAMETERS, "; ".join(found_excesses))
    deblurrer = deblurrer or LocalDeblurrer(model, params.threads())
    with report.timed("prepare"):
        report_unjudged_stereo(mol, report)
        full = with_hydrogens(mol, conformers=params.coarse == OWN)
        finish = Finish(full, params, deadline, report)
        known = [as_known(part, model) for part in split(full, params.coordMap)]
        components, reasons = [part for part, _ in known], [why for _, why in known]
        check_supported(reasons, model, params)
        open_stereo = check_stereo(full, params)
        tasks = [
            make_task(
                component, params, model, mix(seed, number) if number else seed, until, callback, deblurrer, not why
            )
            for number, (component, until, why) in enumerate(
                zip(components, shares(deadline, len(components)), reasons, strict=True)
            )
        ]
    attempted = math.ceil(num_confs * params.overSample)
    with torch_threads(params.threads()):  # once: a switch costs as much as a small batch through the network
        made = [make_conformers(task, attempted) for task in tasks]
    collect(report, tasks)
    complete = [k for k in range(attempted) if all(parts[k] is not None for parts in made)]
    found = [whole_conformer(components, [parts[k] for parts in made]) for k in complete]
    with report.timed("refine"):
        found = finish.refined(found)
    with report.timed("score"):
        found = finish.within_window(finish.scored(found))
    with report.timed("prune"):
        found = finish.chosen(finish.diverse(found, mol), num_confs, mol)
    if open_stereo:
        report.undefined_stereo = mixture_in_words(full, found, open_stereo)
    origin: dict[str, str | int] = {
        "version": __version__,
        "model": model.config.name,
        "weights": model.weights_hash,
        "seed": seed,
    }
    return EmbedOutcome(found, report, origin)


def require_conformers(mol: Chem.Mol) -> None:
    """Look whether a molecule has conformers that can be seeds.

    Raises:
        UnsupportedMolecule: It has none, or some are drawings on paper or have coordinates that are no numbers.
    """
    found = {conformer.GetId(): conformer.GetPositions() for conformer in mol.GetConformers()}
    lacking = "" if found else "it has none"
    flat = [i for i, x in found.items() if not mol.GetConformer(i).Is3D() and not x[:, 2].any() and len(x) > 1]
    broken = [i for i, x in found.items() if not np.isfinite(x).all()]
    if flat:
        lacking = f"conformers {flat} are drawings in two dimensions"
    if broken:
        lacking = f"conformers {broken} have coordinates that are no numbers"
    if lacking:
        reason = f"coarse='conformers' starts from the molecule's own conformers, but {lacking}"
        raise UnsupportedMolecule(FailureCause.NO_OWN_CONFORMERS, reason)


def shares(deadline: Deadline, components: int) -> list[Deadline]:
    """Until when each component has time: of several the first, which is the largest, leaves the others a third."""
    first = deadline if components == 1 or deadline == NEVER else Deadline.after(max(deadline.left * 2 / 3, 1e-3))
    return [first, *[deadline] * (components - 1)]


def report_unjudged_stereo(mol: Chem.Mol, report: EmbedReport) -> None:
    """Say which written stereochemistry the conformers may lack, because nothing here can judge it."""
    unjudged = unjudged_stereo(mol)
    if unjudged:
        report.messages.append(f"written stereochemistry that cannot be guaranteed: {', '.join(unjudged)}")


def collect(report: EmbedReport, tasks: Sequence[Task]) -> None:
    """Add up what happened to the components; a conformer that failed in two of them failed once."""
    for task in tasks:
        causes = {cause for _, cause in task.report.failed}
        if causes == {FailureCause.NO_SEED} and not task.late and (why := why_no_seed(task.component, task.deadline)):
            task.report.messages.append(why)
        report.merge(task.report)
    report.failed = sorted(dict(report.failed).items())
    report.attempts = max(task.report.attempts for task in tasks)


def check_supported(reasons: Sequence[Sequence[str]], model: LoadedModel, params: EBD) -> None:
    """Raise by naming every atom the model does not know, component by component, unless another may stand in."""
    if any(reasons) and params.fallback == "none":
        why = "; ".join(chain(*reasons))
        raise UnsupportedMolecule(
            FailureCause.UNSUPPORTED, f"model {model.config.name!r} cannot treat this molecule: {why}"
        )


def check_stereo(mol: Chem.Mol, params: EBD) -> UndefinedStereo:
    """What stereochemistry a molecule leaves open; an UnsupportedMolecule where that is not wanted."""
    found = undefined_stereo(mol)
    if found and params.stereo != "keep":
        raise UnsupportedMolecule(FailureCause.UNDEFINED_STEREO, f"stereochemistry is not defined: {found}")
    return found


def mixture_in_words(mol: Chem.Mol, found: Sequence[ConformerDraft], open_stereo: UndefinedStereo) -> str:
    """What a reader of conformers must know whose molecule leaves stereochemistry open; empty where it is moot."""
    if not found:
        return ""
    shown = Counter(isomers_shown(mol, [draft.coords for draft in found]))
    if len(shown) < 2 and not open_stereo.groups and is_one_isomer(mol):
        return ""  # a cage that can be closed in one way alone
    counts = "/".join(str(n) for _, n in shown.most_common())
    mixed = f"{len(found)} conformers of {len(shown)} stereoisomers ({counts})"
    if open_stereo.groups and len(shown) < 2:
        mixed = "embedded as drawn"
    return f"stereochemistry is not defined: {open_stereo}; {mixed}"


def whole_conformer(components: Sequence[Component], parts: Sequence[ConformerDraft | None]) -> ConformerDraft:
    """One conformer of the whole molecule from those of its components."""
    present = [part for part in parts if part is not None]
    coords = assemble(components, [part.coords for part in present])
    stages = {part.stage for part in present}
    stage = next(s for s in ("fallback", "deblurred", "seed") if s in stages)  # what a reader must know comes first
    return ConformerDraft(present[0].index, coords, max(part.attempt for part in present), stage)


def write(mol: Chem.Mol, found: Sequence[ConformerDraft], clear: bool, origin: dict[str, str | int]) -> list[int]:
    """Add conformers to the molecule, with their provenance; returns their ids."""
    if clear:
        mol.RemoveAllConformers()
    first = max((c.GetId() for c in mol.GetConformers()), default=-1) + 1
    for number, conformer in enumerate(found):
        new = new_conformer(conformer.coords[: mol.GetNumAtoms()])
        new.SetId(first + number)
        set_provenance(new, **origin, **conformer.provenance())
        mol.AddConformer(new, assignId=False)
    return list(range(first, first + len(found)))


def warn_of_missing_hydrogens(mol: Chem.Mol) -> None:
    """RDKit's own warning, once per call; the missing hydrogens are there while embedding, and left out afterwards."""
    if mol.GetNumAtoms(onlyExplicit=False) > mol.GetNumAtoms():
        rdBase.LogWarningMsg("Molecule does not have explicit Hs. Consider calling AddHs()")
