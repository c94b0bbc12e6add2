"""What do all conformers of a component share? Parameters, model, tables and time, put together once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rdkit import Chem

from rdkit_ebd.arrays.molgraph import MolGraph
from rdkit_ebd.chem.components import Component
from rdkit_ebd.chem.featurise import mol_graph, unsupported
from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.chem.resonance import other_forms
from rdkit_ebd.embedding.held_core import excused, require_hands
from rdkit_ebd.generators.checkpoint import LoadedModel
from rdkit_ebd.generators.service import Deblurrer
from rdkit_ebd.judge.fitness import unknown_environments, unlearnt_environments
from rdkit_ebd.judge.tables import CheckTables, check_tables
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport
from rdkit_ebd.runtime.deadline import Deadline
from rdkit_ebd.seeds.ring_shapes import RingShapes, ring_shapes
from rdkit_ebd.seeds.skeleton import Skeleton, skeleton_of
from rdkit_ebd.seeds.torsion_seeds import POOL, TorsionStore

Callback = Callable[[int, Chem.Mol], None]

OWN = "conformers"  # the coarse stage that makes no seeds
TORSIONS = "torsions"  # the one that turns the bonds of a few
SHAPED = (TORSIONS, "skeleton", "etkdg")  # those whose saturated rings are given shapes of low energy
SKELETON = "skeleton"  # the one that makes them without hydrogens
FEW = 7  # atoms, of which the references alone tell all: perchlorate, hexafluorophosphate and other rigid ions of salts
LARGE = 120  # atoms, beyond which every seed takes seconds: bonds of a few are turned, unless the user says otherwise


@dataclass(frozen=True)
class Task:
    """A component on its way through the pipeline, with all that is the same for each of its conformers."""

    component: Component
    params: EBD
    coarse: str  # "etkdg", "dg", SKELETON, TORSIONS or OWN
    model: LoadedModel
    tables: CheckTables
    deblurrer: Deblurrer
    graph: MolGraph | None  # None where there is nothing to deblur
    skeleton: Skeleton | None  # None where seeds are made with all atoms
    rings: Sequence[RingShapes]  # that seeds are given
    torsions: TorsionStore  # what was made where bonds are turned, for further attempts
    pool: int  # seeds to choose from for each conformer
    treatable: bool
    seed: int
    deadline: Deadline
    report: EmbedReport
    callback: Callback | None

    @property
    def from_layout(self) -> bool:
        """Whether the seeds are but layouts of fragments that the user drew, whose atoms need not be in place."""
        return self.coarse == OWN and self.graph is not None and self.model.config.blur.prior == "fragments"

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.deadline.passed


def as_known(component: Component, model: LoadedModel) -> tuple[Component, list[str]]:
    """The component, written in another of its resonance forms where only that is known, and why it is unsupported."""
    reasons = unsupported_reasons(component, model)
    if reasons:
        forms = (replace(component, mol=form) for form in other_forms(component.mol))
        known = next((form for form in forms if not unsupported_reasons(form, model)), None)
        if known is not None:
            return known, []
    return component, reasons


def unsupported_reasons(component: Component, model: LoadedModel) -> list[str]:
    """Why the model cannot make a component, in the whole molecule's atom numbers.

    What is not deblurred may have any element, but in surroundings that the references know.
    """
    numbers = component.atoms.tolist()
    reasons = [] if _is_plain(component) else _new_to(model, component)
    return reasons or unknown_environments(component.mol, numbers)


def _is_plain(component: Component) -> bool:
    """Whether it is so small that the model is not needed, and made of nothing but elements."""
    return len(component.atoms) <= FEW and all(atom.GetAtomicNum() for atom in component.mol.GetAtoms())


def _new_to(model: LoadedModel, component: Component) -> list[str]:
    """What in a component a model has not learnt; nothing where that does not matter, as it is too small for it."""
    numbers, config = component.atoms.tolist(), model.config
    if len(numbers) < config.min_atoms:
        return []
    reasons = unsupported(component.mol, config.elements, config.max_atoms, numbers)
    if reasons or not config.surroundings:
        return reasons
    return unlearnt_environments(component.mol, config.surroundings, numbers)


def make_task(
    component: Component,
    params: EBD,
    model: LoadedModel,
    seed: int,
    deadline: Deadline,
    callback: Callback | None,
    deblurrer: Deblurrer,
    treatable: bool,
) -> Task:
    """Compute what the conformers of a component share; `treatable`: nothing in it is new to the model.

    Raises:
        ValueError: Held positions show the other hand than the written one.
    """
    if params.enforceChirality:
        require_hands(component)
    tables = excused(check_tables(component.mol), component.held, component.mol)
    graph = None
    known = treatable and not (_is_plain(component) and _new_to(model, component))
    if len(component.atoms) >= model.config.min_atoms and known:
        vocabulary = Vocabulary.from_dict(model.config.vocabulary)
        graph = mol_graph(component.mol, vocabulary, tables.labels)
    large = len(component.atoms) > LARGE and model.config.sampling.coarse == SKELETON
    coarse = params.coarse or (TORSIONS if large else model.config.sampling.coarse)
    # Held atoms may be hydrogens, and what is not deblurred needs them in place as they are.
    if coarse == TORSIONS and component.held:
        coarse = SKELETON  # whose bonds would have to turn about what is held
    plain = coarse in (SKELETON, TORSIONS) and graph is not None and not component.held
    own_pool = POOL if coarse == TORSIONS else model.config.sampling.seed_pool
    pool = (params.seedPool or own_pool) if graph is not None else 1
    return Task(
        component=component,
        params=params,
        coarse=coarse,
        model=model,
        tables=tables,
        deblurrer=deblurrer,
        graph=graph,
        skeleton=skeleton_of(component.mol) if plain else None,
        rings=ring_shapes(component.mol, component.held) if params.ringShapes and coarse in SHAPED else (),
        torsions=TorsionStore.empty(component.mol),
        pool=pool,
        treatable=treatable,
        seed=seed,
        deadline=deadline,
        report=EmbedReport(),
        callback=callback,
    )
