"""How should the conformers be made? One parameter object, `EBD`, in RDKit's words where RDKit has a word."""

from __future__ import annotations

import dataclasses
import difflib
import json
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rdkit.Chem import rdDistGeom
from rdkit.Geometry import Point3D

from rdkit_ebd._param_kinds import (
    box,
    choice,
    coarse_setting,
    device,
    flag,
    number,
    optional,
    positions,
    row,
    setting,
    text,
    whole,
)
from rdkit_ebd._param_names import KEYWORD_ALIASES, NOT_SHARED, OTHER_NAMES, PRESETS, RETIRED
from rdkit_ebd.potentials import get_potential, require_engine
from rdkit_ebd.runtime.cores import usable_cores

MOST_THREADS = 10_000


def count_threads(number: int) -> int:
    """CPU threads that RDKit's `numThreads` stands for, at least 1: 0 is all this process may use, -n all but n."""
    return number if number > 0 else max(1, usable_cores() + number)


@dataclasses.dataclass(repr=False, kw_only=True)
class EBD:
    """Parameters of an embedding, used as RDKit's own.

    Every value is checked when it is set. A name that does not exist is an error, which suggests the nearest that does.
    `EBD.describe()` prints names, defaults and meanings. Lengths are in angstrom, energies in kcal/mol, times in
    seconds.

    Example:
        >>> params = EBD(pruneRmsThresh=0.5)
        >>> params.randomSeed = 42
        >>> params
        EBD(randomSeed=42, pruneRmsThresh=0.5)
        >>> params.seed = 42
        Traceback (most recent call last):
        AttributeError: EBD has no parameter 'seed'. Did you mean 'randomSeed'?
    """

    # RDKit's names, RDKit's meaning
    randomSeed: int = setting(-1, whole(-1), "-1: fresh random numbers; any other: the same conformers every time")
    pruneRmsThresh: float = setting(-1.0, number(), "drop what is this close to a kept conformer, angstrom; < 0: none")
    clearConfs: bool = setting(True, flag, "remove the conformers the molecule already has")
    maxIterations: int = setting(
        0, whole(0, 1_000_000), "attempts per conformer, coarse seed included; 0: the library's choice"
    )
    timeout: int = setting(0, whole(0, 10_000_000), "seconds for one molecule; 0: no limit")
    numThreads: int = setting(1, whole(-MOST_THREADS, MOST_THREADS), "CPU threads; 0: all, -n: all but n")
    enforceChirality: bool = setting(True, flag, "only conformers with the written R/S")
    useSymmetryForPruning: bool = setting(True, flag, "let equivalent atoms swap when pruning, on heavy atoms")
    symmetrizeConjugatedTerminalGroupsForPruning: bool = setting(True, flag, "count both O of CO2- as equivalent then")
    onlyHeavyAtomsForRMS: bool = setting(True, flag, "leave hydrogens out of the pruning RMSD")
    embedFragmentsSeparately: bool = setting(True, flag, "embed the components of a salt on their own", coarse=True)
    trackFailures: bool = setting(False, flag, "keep failure counts on this object, for GetFailureCounts()")
    coordMap: dict[int, tuple[float, float, float]] = dataclasses.field(
        default_factory=dict, metadata=row(positions, "atom index -> position held, angstrom")
    )

    # RDKit's names, for the coarse stage alone; the defaults are ETKDGv3's
    useRandomCoords: bool = coarse_setting(False, flag, "start distance geometry from random coordinates")
    boxSizeMult: float = coarse_setting(2.0, box, "box of the random start; > 0: times the longest distance")
    randNegEig: bool = coarse_setting(True, flag, "random coordinates for negative eigenvalues")
    numZeroFail: int = coarse_setting(1, whole(0), "zero eigenvalues that make the start fail")
    ignoreSmoothingFailures: bool = coarse_setting(False, flag, "go on where triangle smoothing fails")
    useExpTorsionAnglePrefs: bool = coarse_setting(True, flag, "experimental torsion preferences (the ET of ETKDG)")
    useBasicKnowledge: bool = coarse_setting(True, flag, "flat rings, linear groups (the K of ETKDG)")
    useSmallRingTorsions: bool = coarse_setting(False, flag, "torsion preferences of small rings")
    useMacrocycleTorsions: bool = coarse_setting(True, flag, "torsion preferences of macrocycles")
    useMacrocycle14config: bool = coarse_setting(True, flag, "trans amides and esters in macrocycles")
    ETversion: int = coarse_setting(2, choice(1, 2, 4), "version of the torsion preferences")
    forceTransAmides: bool = coarse_setting(True, flag, "trans amides and esters in chains")
    optimizerForceTol: float = coarse_setting(1e-3, number(above=0), "force tolerance of the coarse minimiser")
    boundsMatForceScaling: float = coarse_setting(1.0, number(0), "weight of the distance bounds")
    basinThresh: float = coarse_setting(5.0, number(), "threshold of the distance-geometry force field")
    useLegacyImplementation: bool = coarse_setting(True, flag, "separate minimisations, as before ETKDGv4")
    initialEmbeddingMode: str = coarse_setting(
        "DG_EMBEDDING",
        choice("DG_EMBEDDING", "INTERNAL_COORDINATE_EMBEDDING", "RANDOM_COORDINATE_EMBEDDING"),
        "how the coarse start is made",
    )
    embedForceField: str = coarse_setting("UFF", choice("UFF", "MMFF"), "source of the coarse bonds and angles")
    verbose: bool = coarse_setting(False, flag, "let RDKit print the torsion preferences it uses")

    # ours
    model: str = setting("default", text, "name of a shipped model, or the path of a .safetensors file")
    device: str = setting("auto", device, "'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'")
    coarse: str | None = setting(
        None,
        optional(choice("torsions", "etkdg", "skeleton", "dg", "conformers")),
        "seeds: a few by ETKDGv3 whose bonds are turned as a library of torsions says, ETKDGv3, the same of the heavy "
        "atoms alone with hydrogens put back, plain distance geometry, or the molecule's own conformers; "
        "None: as the model was trained",
    )
    seedPool: int | None = setting(
        None,
        optional(whole(1, 1000)),
        "seeds to choose from for each conformer, the least like those before; 1: RDKit's; None: the model's own",
    )
    seedEnergyShare: float = setting(
        0.5,
        number(above=0, high=1),
        "with coarse='torsions': share of the seeds, those of lowest force-field energy, among which the least alike "
        "are chosen; 1: all of them, for the widest spread",
    )
    ringShapes: bool = setting(True, flag, "give saturated rings shapes of low energy; False: as RDKit makes them")
    numSteps: int | None = setting(None, optional(whole(1, 1000)), "deblurring steps per round; None: the model's own")
    numRounds: int | None = setting(
        None, optional(whole(1, 100)), "rounds of deblurring, at most; None: the model's own"
    )
    roundTolerance: float | None = setting(
        None,
        optional(number(0)),
        "RMS displacement of a round, angstrom, below which it is the last; None: the model's",
    )
    noiseScale: float | None = setting(
        None, optional(number(0)), "times the noise the model was trained with; 0: none; None: the model's own"
    )
    overSample: float = setting(
        1.0, number(1, high=1000), "conformers made for each that is kept, the most diverse; 1: all are"
    )
    refine: str | None = setting(None, optional(text), "method that relaxes conformers, such as MMFF94s; None: none")
    score: str | None = setting(None, optional(text), "method that gives their energies; None: that of refine")
    energyWindow: float | None = setting(None, optional(number(above=0)), "drop what lies further up, kcal/mol")
    stereo: str = setting(
        "keep",
        choice("keep", "enumerate", "refuse"),
        "molecules with undefined stereo: 'keep' mixes isomers and says so, 'refuse' makes nothing, "
        "'enumerate' makes every isomer a molecule of its own (StreamMolecules, command line)",
    )
    fallback: str = setting("none", choice("none", "ETKDGv3"), "who makes a conformer the model could not")
    batchAtoms: int = setting(
        4096, whole(1, 1_000_000), "atoms per call of the network; changes memory, not conformers"
    )

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in FIELDS:
            raise AttributeError(f"EBD has no parameter {name!r}{_nearest(name, FIELDS)}")
        object.__setattr__(self, name, FIELDS[name].metadata["kind"](name, value))

    def __repr__(self) -> str:
        return f"EBD({', '.join(f'{name}={value!r}' for name, value in self.changed().items())})"

    @classmethod
    def from_rdkit(cls, params: rdDistGeom.EmbedParameters) -> EBD:
        """Read an RDKit parameter object: every shared field, and its coordMap to 1e-6 angstrom.

        Raises:
            TypeError: `params` is not an EmbedParameters.
            ValueError: It asks for what cannot be done here: a bounds matrix, onlyInitialEmbedding.
        """
        if not isinstance(params, rdDistGeom.EmbedParameters):
            raise TypeError(f"params must be an rdDistGeom.EmbedParameters or an EBD, not {params!r}")
        # RDKit has no getters for what its Set... methods take; its JSON shows all of them but SetCPCI.
        stored = json.loads(rdDistGeom.EmbedParametersToJSON(params))
        asked = {"SetBoundsMat": stored.get("boundsMatrix"), "onlyInitialEmbedding": _half_way(params)}
        impossible = [name for name, value in asked.items() if value]
        if impossible:
            raise ValueError("; ".join(f"EmbedParameters.{name}: {NOT_SHARED[name]}" for name in impossible))
        ours = cls(**{name: getattr(params, name) for name in FIELDS if name != "coordMap" and hasattr(params, name)})
        held = stored.get("coordMap") or {}
        ours.SetCoordMap({int(i): [float(c) for c in xyz] for i, xyz in held.items()})
        return ours

    @classmethod
    def from_keywords(cls, **keywords: Any) -> EBD:
        """Read the keywords of rdDistGeom.EmbedMultipleConfs and those of our own fields.

        Raises:
            TypeError: A keyword is unknown (all such are named), or a field is given under two names.
        """
        named: dict[str, Any] = {}
        _reject_unknown(
            keywords, [*FIELDS, *KEYWORD_ALIASES], TypeError, "EmbedMoleculeEBD() got an unexpected keyword argument"
        )
        for keyword, value in keywords.items():
            name = KEYWORD_ALIASES.get(keyword, keyword)
            if name in named:
                raise TypeError(f"{keyword} and another keyword both set {name}")
            named[name] = value
        return cls(**named)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EBD:
        """The reverse of `to_dict`, also that of an earlier release; a name that is no field is a ValueError."""
        values = {name: value for name, value in values.items() if name not in RETIRED or value is not None}
        _reject_unknown(values, FIELDS, ValueError, "EBD has no parameter")
        held = values.get("coordMap", {})
        if isinstance(held, Mapping):  # JSON has only strings as keys
            held = {int(i): xyz for i, xyz in held.items()}
        return cls(**{**values, "coordMap": held})

    @staticmethod
    def describe() -> str:
        """Name, default and meaning of every field, one per line."""
        return "\n".join(f"{name} = {_default(f)!r}: {f.metadata['help']}" for name, f in FIELDS.items())

    @classmethod
    def preset(cls, name: str, **settings: Any) -> EBD:
        """Parameters for a purpose, those given changed.

        Args:
            name: "dft", "nmr", "docking", "shape" or "fast"; the page on recall, precision and speed has what is
                measured of each.
            settings: Any other fields.

        Raises:
            ValueError: There is no such preset.

        Example:
            >>> EBD.preset("docking", randomSeed=7)
            EBD(randomSeed=7, coarse='torsions', seedEnergyShare=1.0, numRounds=1)
        """
        if name not in PRESETS:
            known = ", ".join(map(repr, PRESETS))
            raise ValueError(f"there is no preset {name!r}: known are {known}{_nearest(name, PRESETS)}")
        return cls(**{**PRESETS[name], **settings})

    def to_dict(self) -> dict[str, Any]:
        """Every field, as JSON takes it."""
        values = {name: getattr(self, name) for name in FIELDS}
        return {**values, "coordMap": {str(i): list(xyz) for i, xyz in self.coordMap.items()}}

    def copy(self) -> EBD:
        """An equal object that shares nothing with this one."""
        return dataclasses.replace(self)

    def changed(self) -> dict[str, Any]:
        """The fields that differ from their default."""
        return {name: getattr(self, name) for name, f in FIELDS.items() if getattr(self, name) != _default(f)}

    def SetCoordMap(self, coordMap: Mapping[int, Any]) -> None:
        """Hold atoms in place: atom index -> Point3D or three numbers, angstrom."""
        self.coordMap = coordMap  # type: ignore[assignment]  # its kind turns positions into tuples

    def GetFailureCounts(self) -> tuple[int, ...]:
        """Counts in the order of RDKit's EmbedFailureCauses; empty until an embedding with trackFailures is done."""
        return tuple(self.__dict__.get("_failure_counts", ()))

    def record_failures(self, counts: Iterable[int]) -> None:
        """Keep the counts of the last embedding, as RDKit does; without trackFailures none are kept."""
        self.__dict__["_failure_counts"] = tuple(counts) if self.trackFailures else ()

    def threads(self) -> int:
        """The number of CPU threads that `numThreads` stands for, at least 1."""
        return count_threads(self.numThreads)

    @property
    def energy_method(self) -> str | None:
        """The method of the energies: `score`, else `refine`."""
        return self.score or self.refine

    def validate(self, num_atoms: int | None = None) -> None:
        """Check all that can be checked before any work.

        Args:
            num_atoms: Atoms of the molecule; coordMap must stay below it.

        Raises:
            TypeError: A value is of the wrong type.
            ValueError: A value is out of range, refine or score is no method, or there is a window without energies.
        """
        for name in FIELDS:
            setattr(self, name, getattr(self, name))  # a dictionary can have changed since it was set
        for method in (self.refine, self.score):
            if method is not None:
                get_potential(method)
        if self.energyWindow is not None and self.energy_method is None:
            raise ValueError(f"energyWindow={self.energyWindow:g} needs energies: set score or refine to a method")
        outside = [i for i in self.coordMap if num_atoms is not None and i >= num_atoms]
        if outside:
            raise ValueError(f"coordMap names atoms {outside}, but the molecule has {num_atoms} atoms (0 to n - 1)")

    def require_engines(self) -> None:
        """Look whether refine and score can be used here; an ImportError with the install line if not."""
        for method in filter(None, (self.refine, self.score)):
            require_engine(method)

    def coarse_parameters(self, seed: int) -> rdDistGeom.EmbedParameters:
        """RDKit's parameters for the coarse stage: a recipe, then what was changed here, then what must be so.

        Args:
            seed: RDKit's seed of conformer 0; conformer k uses seed + k.
        """
        params: Any = _plain_distance_geometry() if self.coarse == "dg" else rdDistGeom.ETKDGv3()
        for name, value in self.changed().items():
            if FIELDS[name].metadata["coarse"]:
                _hand_over(params, name, value)
        params.randomSeed, params.enableSequentialRandomSeeds = seed, True
        params.clearConfs, params.pruneRmsThresh, params.trackFailures = True, -1.0, True
        for name in ("numThreads", "timeout", "enforceChirality"):
            setattr(params, name, getattr(self, name))
        if self.coordMap:
            params.SetCoordMap({i: Point3D(*xyz) for i, xyz in self.coordMap.items()})
        return params


FIELDS: dict[str, dataclasses.Field[Any]] = {f.name: f for f in dataclasses.fields(EBD)}


def _page() -> str:
    """Every parameter with its meaning, unit and default, as the sections of a docstring."""
    main = [name for name, f in FIELDS.items() if not f.metadata["coarse"]]
    coarse = [name for name, f in FIELDS.items() if f.metadata["coarse"]]
    sections = {"Args": main, "Other Parameters": coarse}
    pages = ["\n".join([f"    {title}:", *(_entry(name) for name in names)]) for title, names in sections.items()]
    return "\n\n".join(pages)


def _entry(name: str) -> str:
    """Such as `timeout: seconds for one molecule; 0: no limit. Default: 0.`, wrapped as docstrings are."""
    words = f"{name}: {FIELDS[name].metadata['help']}. Default: {_default(FIELDS[name])!r}."
    return textwrap.fill(words, 112, initial_indent=" " * 8, subsequent_indent=" " * 12, break_long_words=False)


def _plain_distance_geometry() -> rdDistGeom.EmbedParameters:
    """The paper's seeds: bounds and chirality alone, no knowledge of torsions, rings or macrocycles."""
    params: Any = rdDistGeom.ETDG()
    params.useBasicKnowledge = params.useExpTorsionAnglePrefs = False
    params.maxIterations = 5000
    return params


def _hand_over(params: rdDistGeom.EmbedParameters, name: str, value: Any) -> None:
    if isinstance(value, str):  # an RDKit enum, which we keep by name
        value = type(getattr(params, name)).names[value]
    setattr(params, name, value)


def _half_way(params: rdDistGeom.EmbedParameters) -> bool:
    return bool(getattr(params, "onlyInitialEmbedding", False))


def _default(field: dataclasses.Field[Any]) -> Any:
    return {} if field.default is dataclasses.MISSING else field.default


def _nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion for a name that is not known, or what became of it, or nothing."""
    plain = {k.lower(): k for k in known}
    typed = name.lower().replace("_", "")
    for gone, instead in RETIRED.items():
        if typed == gone.lower():
            return f": {instead}"
    meant = OTHER_NAMES.get(typed)
    if meant == "numConfs":
        return ". numConfs is an argument of the functions: EmbedMultipleConfs(mol, numConfs, params)"
    if meant not in plain.values():
        close = difflib.get_close_matches(typed, plain, 1, 0.6)
        meant = plain[close[0]] if close else None
    return f". Did you mean {meant!r}?" if meant else ""


def _reject_unknown(names: Iterable[str], known: Iterable[str], error: type[Exception], problem: str) -> None:
    known = list(known)
    unknown = [f"{problem} {name!r}{_nearest(name, known)}" for name in names if name not in known]
    if unknown:
        raise error("; ".join(unknown))


def _checked_names(init: Callable[..., None]) -> Callable[..., None]:
    """`EBD(...)` whose errors about keywords have suggestions, as those of `EBD.from_keywords` have."""

    def __init__(self: EBD, **parameters: Any) -> None:  # noqa: N807  # help() shows its name and its signature
        """Set parameters by their names; all others have their defaults."""
        _reject_unknown(parameters, FIELDS, TypeError, "EBD() got an unexpected keyword argument")
        init(self, **parameters)

    return __init__


EBD.__doc__ = f"{str(EBD.__doc__).rstrip()}\n\n{_page()}\n    "
EBD.__init__ = _checked_names(EBD.__init__)  # type: ignore[method-assign]
