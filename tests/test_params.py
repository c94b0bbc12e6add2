"""EBD: RDKit's words in, RDKit's words out, and every mistake told."""

from __future__ import annotations

import copy
import json
import math
import pickle
import re

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom
from rdkit.Geometry import Point3D

from rdkit_ebd._param_names import KEYWORD_ALIASES, NOT_SHARED, PRESETS, RETIRED
from rdkit_ebd.params import EBD, FIELDS

RECIPES = ["ETKDGv3", "ETKDGv2", "ETKDG", "KDG", "ETDG", "ETDGv2", "DG", "srETKDGv3", "ETKDGv4", "EmbedParameters"]
COARSE = [name for name, f in FIELDS.items() if f.metadata["coarse"]]
CORE = {0: (0.1, -0.2, 0.3), 3: (1.5, 0.0, -7.25)}

# Something other than the default for every field; a field that is added needs a line here.
OTHER = {
    **{name: not f.default for name, f in FIELDS.items() if isinstance(f.default, bool)},
    **{"randomSeed": 42, "pruneRmsThresh": 0.5, "maxIterations": 7, "timeout": 3, "numThreads": 0, "coordMap": CORE},
    **{"boxSizeMult": -5.0, "numZeroFail": 2, "ETversion": 4, "optimizerForceTol": 0.1, "boundsMatForceScaling": 0.5},
    **{"basinThresh": 4.0, "initialEmbeddingMode": "RANDOM_COORDINATE_EMBEDDING", "embedForceField": "MMFF"},
    **{"model": "a.safetensors", "device": "cuda:1", "coarse": "dg", "numSteps": 3, "numRounds": 2, "noiseScale": 0.0},
    **{
        "stereo": "refuse",
        "fallback": "ETKDGv3",
        "batchAtoms": 100,
        "refine": "openff",
        "score": "GFN2-xTB",
        "energyWindow": 6.0,
    },
    **{"overSample": 2.0, "seedPool": 2, "roundTolerance": 0.05, "seedEnergyShare": 1.0},
}

MISTAKES = [
    *[("randomSeed", v) for v in (-2, 1.5, "42", None, True)],
    *[("clearConfs", v) for v in (2, 0.0, "yes", None)],
    *[("pruneRmsThresh", v) for v in (float("nan"), float("inf"), "0.5", None, True, [1.0])],
    *[("coordMap", v) for v in (None, [(0, 0, 0)], {0: (1, 2)}, {0: (1, 2, "x")}, {0: 5}, {-1: (0, 0, 0)})],
    *[("coordMap", v) for v in ({"a": CORE[0]}, {0: (0.0, 0.0, float("nan"))})],
    *[("boxSizeMult", v) for v in (0, "2")],
    *[("ETversion", v) for v in (0, 3, "2", True)],
    *[("device", v) for v in ("gpu", "cuda:", "cuda:x", 0, None)],
    *[("model", v) for v in ("", None, 3)],
    *[("numSteps", v) for v in (0, 2.0)],
    *[("energyWindow", v) for v in (0, -1.0, "6")],
    *[("overSample", v) for v in (0.5, "2", None, 1e8)],
    *[("numSteps", 10**8), ("numRounds", 10**8), ("seedPool", 10**8), ("timeout", 10**12), ("numThreads", 10**9)],
    *[("maxIterations", -1), ("timeout", 0.5), ("optimizerForceTol", 0.0), ("noiseScale", -0.1), ("batchAtoms", 0)],
    *[("coarse", "ETKDG"), ("fallback", None), ("refine", 3), ("score", ""), ("initialEmbeddingMode", "DG")],
]


def rdkit_keywords() -> dict[str, str]:
    """Keyword -> default of EmbedMultipleConfs, as its docstring has them."""
    signature = rdDistGeom.EmbedMultipleConfs.__doc__.split("->")[0]
    return dict(re.findall(r"\(\w+\)(\w+)=([^\s\]\[]+)", signature))


def as_json(params: rdDistGeom.EmbedParameters) -> dict:
    return json.loads(rdDistGeom.EmbedParametersToJSON(params))


def test_every_keyword_of_embed_multiple_confs_is_understood_with_its_default() -> None:
    keywords = rdkit_keywords()
    assert len(keywords) > 20
    assert keywords.pop("numConfs") == "10"
    for keyword, default in keywords.items():
        value = eval(default, {})  # RDKit's own literal
        assert EBD.from_keywords(**{keyword: value}) == EBD(), keyword


def test_every_attribute_of_embed_parameters_is_shared_or_excused() -> None:
    ours = {*FIELDS, *dir(EBD), *NOT_SHARED}
    assert [name for name in dir(rdDistGeom.EmbedParameters) if name[0] != "_" and name not in ours] == []
    assert not set(NOT_SHARED) & set(FIELDS)


def test_defaults_are_those_of_etkdg_v3() -> None:
    assert EBD.from_rdkit(rdDistGeom.ETKDGv3()) == EBD()


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_survives_the_way_in_and_out(recipe: str) -> None:
    theirs = getattr(rdDistGeom, recipe)()
    ours = EBD.from_rdkit(theirs)
    ours.validate()
    back = ours.coarse_parameters(5)
    assert {n: getattr(back, n) for n in COARSE} == {n: getattr(theirs, n) for n in COARSE}


@pytest.mark.parametrize("name", [n for n in FIELDS if hasattr(rdDistGeom.EmbedParameters, n)])
def test_every_shared_field_is_read(name: str) -> None:
    theirs, value = rdDistGeom.ETKDGv3(), OTHER[name]
    setattr(theirs, name, type(getattr(theirs, name)).names[value] if isinstance(value, str) else value)
    assert EBD.from_rdkit(theirs).changed() == {name: value}


def test_coordmap_is_read_from_rdkit_and_handed_back() -> None:
    theirs = rdDistGeom.ETKDGv3()
    theirs.SetCoordMap({i: Point3D(*xyz) for i, xyz in CORE.items()})
    ours = EBD.from_rdkit(theirs)
    assert ours == EBD(coordMap=CORE)
    assert as_json(ours.coarse_parameters(1))["coordMap"] == as_json(theirs)["coordMap"]


def test_what_rdkit_asks_and_we_cannot_do_is_refused() -> None:
    bounded, half = rdDistGeom.ETKDGv3(), rdDistGeom.ETKDGv3()
    bounded.SetBoundsMat(np.ones((3, 3)))
    half.onlyInitialEmbedding = True
    with pytest.raises(ValueError, match="SetBoundsMat"):
        EBD.from_rdkit(bounded)
    with pytest.raises(ValueError, match="onlyInitialEmbedding"):
        EBD.from_rdkit(half)
    with pytest.raises(TypeError, match="EmbedParameters"):
        EBD.from_rdkit({"randomSeed": 3})


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_can_be_set_copied_stored_and_handed_over(name: str) -> None:
    params = EBD()
    setattr(params, name, OTHER[name])
    assert params.changed() == {name: OTHER[name]}
    assert name in repr(params)
    assert name in EBD.describe()
    for same in (
        EBD(**{name: OTHER[name]}),
        EBD.from_keywords(**{name: OTHER[name]}),
        EBD.from_dict(json.loads(json.dumps(params.to_dict()))),
        params.copy(),
        copy.deepcopy(params),
        pickle.loads(pickle.dumps(params)),
    ):
        assert same == params
        assert same is not params
    if name in COARSE:
        value = getattr(params.coarse_parameters(1), name)
        assert getattr(value, "name", value) == OTHER[name]


@pytest.mark.parametrize(("name", "value"), MISTAKES)
def test_a_mistake_is_refused_naming_field_and_value(name: str, value: object) -> None:
    params = EBD()
    with pytest.raises((TypeError, ValueError), match=name):
        setattr(params, name, value)
    assert params == EBD()
    with pytest.raises((TypeError, ValueError), match=name):
        EBD.from_keywords(**{name: value})


def test_equivalents_are_taken() -> None:
    params = EBD(randomSeed=np.int64(3), clearConfs=1, pruneRmsThresh=np.float32(0.5), numZeroFail=np.uint8(2))
    params.initialEmbeddingMode = rdDistGeom.InitialEmbeddingMode.INTERNAL_COORDINATE_EMBEDDING
    params.SetCoordMap({np.int64(0): Point3D(*CORE[0]), 3: np.array(CORE[3])})
    assert params.coordMap == CORE
    assert json.loads(json.dumps(params.to_dict()))["initialEmbeddingMode"] == "INTERNAL_COORDINATE_EMBEDDING"
    assert params.clearConfs is True
    assert type(params.pruneRmsThresh) is float


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *[
            ("randomseed", "randomSeed"),
            ("numThread", "numThreads"),
            ("seed", "randomSeed"),
            ("random_seed", "randomSeed"),
        ],
        *[("n_jobs", "numThreads"), ("rms_cutoff", "pruneRmsThresh"), ("num_rounds", "numRounds")],
        *[("n_confs", "numConfs"), ("numConfs", "numConfs"), ("num_confs", "numConfs")],
    ],
)
def test_unknown_names_are_errors_that_suggest_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"{typed}.*{meant}"):
        setattr(EBD(), typed, 1)
    with pytest.raises(TypeError, match=f"{typed}.*{meant}"):
        EBD.from_keywords(**{typed: 1, "zzz": 2})
    with pytest.raises(ValueError, match=f"{typed}.*{meant}"):
        EBD.from_dict({typed: 1})
    with pytest.raises(TypeError, match=f"{typed}.*{meant}"):
        EBD(**{typed: 1})


@pytest.mark.parametrize("name", RETIRED)
def test_what_is_retired_says_what_to_use(name: str) -> None:
    assert name not in FIELDS
    instead = rf"{name}': it was retired .*use seedPool .*seedEnergyShare"
    with pytest.raises(AttributeError, match=instead):
        setattr(EBD(), name, 1.0)
    with pytest.raises(TypeError, match=instead):
        EBD(**{name: 1.0})
    with pytest.raises(TypeError, match=instead):
        EBD.preset("fast", **{name: None})
    with pytest.raises(TypeError, match=instead):
        EBD.from_keywords(**{name: 1.0})
    with pytest.raises(ValueError, match=instead):
        EBD.from_dict({name: 1.0})
    assert EBD.from_dict({name: None, "randomSeed": 3}) == EBD(randomSeed=3)  # an earlier release's, left alone
    with pytest.raises(TypeError, match=r"quality_weight.*seedPool"):
        EBD(quality_weight=1.0)


def test_held_positions_that_are_no_numbers_are_shown_as_numbers() -> None:
    with pytest.raises(ValueError, match=r"coordMap\[0\].*not \(nan, 1\.0, 2\.0\)"):
        EBD(coordMap={0: Point3D(math.nan, 1, 2)})


@pytest.mark.parametrize(("alias", "name"), KEYWORD_ALIASES.items())
def test_one_field_under_two_names_is_refused(alias: str, name: str) -> None:
    assert EBD.from_keywords(**{alias: OTHER[name]}).changed() == {name: OTHER[name]}
    with pytest.raises(TypeError, match=alias):
        EBD.from_keywords(**{name: OTHER[name], alias: OTHER[name]})


@pytest.mark.parametrize("name", ["refine", "score"])
def test_unknown_methods_are_refused_before_work(name: str) -> None:
    EBD(**{name: "uff"}).validate()
    with pytest.raises(ValueError, match=r"MMFF94z.*MMFF94s"):
        EBD(**{name: "MMFF94z"}).validate()


def test_a_window_needs_energies() -> None:
    with pytest.raises(ValueError, match=r"energyWindow=3.*refine"):
        EBD(energyWindow=3.0).validate()
    for methods in ({"refine": "UFF"}, {"score": "MMFF94"}, {"refine": "UFF", "score": "MMFF94"}):
        params = EBD(energyWindow=3.0, **methods)
        params.validate()
        assert params.energy_method == methods.get("score", "UFF")


def test_validate_sees_what_was_put_into_the_coordmap_later() -> None:
    params = EBD(coordMap=CORE)
    params.validate(num_atoms=4)
    with pytest.raises(ValueError, match=r"\[3\].*3 atoms"):
        params.validate(num_atoms=3)
    params.coordMap[1] = (0.0, 0.0)
    with pytest.raises(ValueError, match=r"coordMap\[1\]"):
        params.validate()


def test_a_copy_and_the_argument_share_nothing() -> None:
    mine = dict(CORE)
    params = EBD(coordMap=mine)
    twin = params.copy()
    mine.clear()
    twin.coordMap.clear()
    assert params.coordMap == CORE
    assert EBD().coordMap is not EBD().coordMap


def test_the_coarse_stage_always_runs_its_own_way() -> None:
    params = EBD(maxIterations=3, clearConfs=False, pruneRmsThresh=0.5, numThreads=2, timeout=9, enforceChirality=False)
    coarse = params.coarse_parameters(77)
    assert (coarse.randomSeed, coarse.enableSequentialRandomSeeds, coarse.trackFailures) == (77, True, True)
    assert (coarse.clearConfs, coarse.pruneRmsThresh, coarse.maxIterations) == (True, -1.0, 0)
    assert (coarse.numThreads, coarse.timeout, coarse.enforceChirality) == (2, 9, False)


def test_plain_distance_geometry_has_no_knowledge() -> None:
    plain = EBD(coarse="dg").coarse_parameters(1)
    assert (plain.useBasicKnowledge, plain.useExpTorsionAnglePrefs, plain.maxIterations) == (False, False, 5000)
    assert (plain.useMacrocycleTorsions, plain.useMacrocycle14config, plain.useSmallRingTorsions) == (False,) * 3


@pytest.mark.parametrize("params", [EBD(), EBD(coarse="dg"), EBD.from_rdkit(rdDistGeom.ETKDGv4())])
def test_coarse_parameters_embed_a_molecule_the_same_way_twice(params: EBD) -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("C[C@H](O)/C=C/C"))
    once, twice = Chem.Mol(mol), Chem.Mol(mol)
    for work in (once, twice):
        assert list(rdDistGeom.EmbedMultipleConfs(work, 3, params.coarse_parameters(11))) == [0, 1, 2]
    assert np.array_equal(once.GetConformer(2).GetPositions(), twice.GetConformer(2).GetPositions())


def test_failure_counts_are_kept_where_rdkit_keeps_them() -> None:
    quiet, keeping = EBD(), EBD(trackFailures=True)
    for params in (quiet, keeping):
        assert params.GetFailureCounts() == ()
        params.record_failures([0, 2])
    assert (quiet.GetFailureCounts(), keeping.GetFailureCounts()) == ((), (0, 2))
    assert keeping == EBD(trackFailures=True)


def test_threads_are_at_least_one() -> None:
    assert EBD(numThreads=3).threads() == 3
    assert EBD(numThreads=0).threads() >= EBD(numThreads=-1).threads() >= EBD(numThreads=-10_000).threads() == 1


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_parameters_that_may_be_changed(name: str) -> None:
    assert EBD.preset(name).changed() == PRESETS[name]
    changed = EBD.preset(name, numRounds=3, randomSeed=5)
    assert (changed.numRounds, changed.randomSeed, changed.coarse) == (3, 5, PRESETS[name].get("coarse"))
    changed.validate()


def test_a_preset_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'docking'"):
        EBD.preset("dock")
