"""How does each method make conformers? RDKit's recipes, CONFORGE, EBD with any setting: alike in count and clock.

ETKDGv3, ETKDGv4+ICE                      one of `RECIPES`; +SR: torsions of small rings, +ICE: internal coordinates
CONFORGE                                  of CDPKit, with its own defaults (`rivals`)
EBD                                       the default model
EBD:ebd-f2f, EBD:my.safetensors           another model
EBD:ebd-f2f:6                             and another number of rounds
EBD:coarse=dg,numRounds=6                 any parameters of `rdkit_ebd.EBD`
EBD:my.safetensors,noiseScale=0           a model and parameters
...+MMFF94s                               each of them, minimised to convergence with RDKit's MMFF94s
"""

from __future__ import annotations

import ast
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import rdkit
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd.api import EmbedWithReport
from rdkit_ebd.chem.provenance import get_provenance
from rdkit_ebd.evaluation.method import LONGEST, Embedding, Method
from rdkit_ebd.evaluation.rivals import CONFORGE, conforge_method
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.params import EBD
from rdkit_ebd.potentials.rdkit_ff import minimise_to_convergence
from rdkit_ebd.report import CAUSES, EmbedReport, FailureCause

OURS, MINIMISED = "EBD", "+MMFF94s"


def _with_internal_coordinates() -> Any:
    parameters: Any = rdDistGeom.ETKDGv4()
    parameters.initialEmbeddingMode = rdDistGeom.InitialEmbeddingMode.INTERNAL_COORDINATE_EMBEDDING
    return parameters


def _with_small_rings() -> Any:
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.useSmallRingTorsions = True
    return parameters


RECIPES: dict[str, Callable[[], Any]] = {
    "DG": lambda: rdDistGeom.DG(),
    "KDG": lambda: rdDistGeom.KDG(),
    "ETDG": lambda: rdDistGeom.ETDG(),
    "ETKDGv2": lambda: rdDistGeom.ETKDGv2(),
    "ETKDGv3": lambda: rdDistGeom.ETKDGv3(),
    "ETKDGv3+SR": _with_small_rings,
    "ETKDGv4": lambda: rdDistGeom.ETKDGv4(),
    "ETKDGv4+ICE": _with_internal_coordinates,
}


@dataclass(frozen=True)
class RDKitMethod(Method):
    """One of `RECIPES`."""

    recipe: Callable[[], Any]

    def embed(self, mol: Chem.Mol, count: int, seed: int) -> Embedding:
        """See `Method.embed`; what fails in RDKit shifts the indices of what follows."""
        parameters = self.recipe()
        # Without sequential seeds RDKit multiplies the seed by the conformer's number: seed 0 makes copies of one.
        parameters.randomSeed, parameters.enableSequentialRandomSeeds = seed, True
        parameters.trackFailures, parameters.timeout = True, LONGEST
        parameters.numThreads = self.threads
        made = len(rdDistGeom.EmbedMultipleConfs(mol, count, parameters))
        counts = dict(zip(CAUSES, parameters.GetFailureCounts(), strict=False))
        return Embedding(list(range(made)), +Counter(counts))


@dataclass(frozen=True)
class EBDMethod(Method):
    """A model of ours, with its parameters."""

    params: EBD

    def embed(self, mol: Chem.Mol, count: int, seed: int) -> Embedding:
        """See `Method.embed`."""
        params = self.params.copy()
        params.randomSeed, params.timeout = seed, params.timeout or LONGEST
        params.numThreads = self.threads
        report = EmbedWithReport(mol, count, params)
        origins = [get_provenance(mol.GetConformer(i)) for i in report.ids]
        failures = report.failures + Counter(f"UNREFINED_{cause}" for _, cause in report.unrefined)
        failures += Counter(FALLBACK=sum(origin["ebd_stage"] == "fallback" for origin in origins))
        dropped = report.pruned + report.above_window
        indices = [origin["ebd_index"] for origin in origins]
        return Embedding(indices, failures, dropped, _before_gate(report), stages=report.seconds)


@dataclass(frozen=True)
class Generated:
    """Conformers of one molecule by one method, in a molecule of their own, and what they cost."""

    mol: Chem.Mol
    embedding: Embedding
    seconds: float
    cpu_seconds: float


def parse_method(name: str) -> Method:
    """The method of a name; the module's docstring lists what names there are.

    Raises:
        ValueError: No method has this name, or its model or parameters are not right.
        ImportError: CDPKit, or the engine of a refinement, is not installed.
    """
    base = name.removesuffix(MINIMISED)
    minimised = base != name
    if base in RECIPES:
        return RDKitMethod(name, f"{name} of RDKit {rdkit.__version__}", minimised, RECIPES[base])
    if base == CONFORGE:
        return conforge_method(name, minimised)
    if base.partition(":")[0] == OURS:
        params = _parameters(name, base.partition(":")[2])
        weights = load_model(params.model, params.device).weights_hash
        return EBDMethod(name, f"{name} of weights {weights}", minimised, params, threads=params.threads())
    raise ValueError(
        f"unknown method {name!r}: known are {OURS}[:...], {', '.join(RECIPES)}, {CONFORGE}, and each with {MINIMISED}"
    )


def parse_methods(names: Sequence[str]) -> list[Method]:
    """The methods of names, each once, in order.

    Raises:
        ValueError: Some of them are not right; all these are named.
    """
    methods, problems = [], [] if names else ["no method was named"]
    for name in dict.fromkeys(names):
        try:
            methods.append(parse_method(name))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return methods


def generate(mol: Chem.Mol, method: Method, count: int, seed: int) -> Generated:
    """Make conformers of a copy of `mol`; a molecule that a method rejects is a result too."""
    work = Chem.Mol(mol, True)
    start, cpu_start = time.perf_counter(), time.process_time()
    try:
        embedding = method.embed(work, count, seed)
    except (ValueError, RuntimeError) as error:
        cause = getattr(error, "cause", FailureCause.UNSUPPORTED)  # errors of RDKit have none
        embedding = Embedding(failures=Counter({cause: 1}), problem=" ".join(str(error).split()))
    if method.minimised and work.GetNumConformers():
        embedding.failures.update(minimise(work, method.threads))
    return Generated(work, embedding, time.perf_counter() - start, time.process_time() - cpu_start)


def minimise(mol: Chem.Mol, threads: int = 1) -> Counter[str]:
    """MMFF94s on every conformer until it converges; returns how many stayed as they were or did not converge."""
    converged = minimise_to_convergence(mol, threads)
    if converged is None:
        return Counter(NO_MMFF94S_PARAMETERS=mol.GetNumConformers())
    return +Counter(MMFF94S_NOT_CONVERGED=int((~converged).sum()))


def _before_gate(report: EmbedReport) -> dict[str, float]:
    shares = {"clash": min(1.0, report.failures["CLASH"] / report.attempts)} if report.attempts else {}
    return shares if report.stereo_yield is None else {**shares, "stereo": report.stereo_yield}


def _parameters(name: str, words: str) -> EBD:
    """What stands behind the "EBD:", checked: `[model[:rounds]]` and `name=value`s, with commas between them."""
    values: dict[str, Any] = {}
    first, *rest = words.split(",")
    if "=" in first:
        rest = [first, *rest]
    elif first:
        values |= _model_and_rounds(first)
    try:
        for word in rest:
            key, equals, value = word.partition("=")
            if not equals or key in ("randomSeed", *values):
                raise ValueError(f"{word!r} is not a NAME=VALUE that can be set here, or is set twice")
            values[key] = _value(value)
        params = EBD.from_keywords(**values)
        params.validate()
        load_model(params.model, params.device)
        params.require_engines()
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from error
    return params


def _model_and_rounds(word: str) -> dict[str, Any]:
    model, colon, rounds = word.rpartition(":")
    return {"model": model, "numRounds": int(rounds)} if colon and rounds.isdecimal() else {"model": word}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
