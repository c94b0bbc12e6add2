"""Does a configuration survive its text, old and new, and is an impossible one rejected by name?"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from helpers import TINY, tiny_vocabulary

from rdkit_ebd.generators.checkpoint import available_models, read_config
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.ebd.published_network import PaperNetworkConfig
from rdkit_ebd.generators.model_config import BOUNDS, RETIRED, ModelConfig, SamplingDefaults

CONFIG = ModelConfig(
    name="tiny",
    network=replace(TINY, levels=3),
    blur=BlurConfig("fragments", 0.25, "constant"),
    vocabulary=tiny_vocabulary().to_dict(),
    elements=(1, 6, 7, 8),
    max_atoms=123,
    sampling=SamplingDefaults(steps=3, coarse="dg"),
    levels=("a", "b", "c"),
    card={"data": ["x", 1], "licence": "MIT"},
)


def changed(*path: str, **values: Any) -> str:
    """The text of the configuration with values changed in the part that the path leads to."""
    data = json.loads(CONFIG.to_json())
    part = data
    for name in path:
        part = part[name]
    part.update(values)
    return json.dumps(data)


def test_a_configuration_comes_back_from_its_text() -> None:
    assert ModelConfig.from_json(CONFIG.to_json()) == CONFIG
    assert ModelConfig.from_json(CONFIG.to_json()) != replace(CONFIG, sampling=SamplingDefaults(steps=4))


def test_sampling_defaults_may_stand_among_the_other_fields() -> None:
    data = json.loads(CONFIG.to_json())
    flat = data | data.pop("sampling")
    assert ModelConfig.from_json(json.dumps(flat)) == CONFIG
    del flat["coarse"], flat["steps"]  # files from before these fields
    assert ModelConfig.from_json(json.dumps(flat)) == replace(CONFIG, sampling=SamplingDefaults())


@pytest.mark.parametrize("part", [(), ("network",), ("blur",), ("sampling",)])
def test_unknown_keys_are_named(part: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"'colour', 'wdith'"):
        ModelConfig.from_json(changed(*part, wdith=3, colour="red"))


def test_retired_keys_are_passed_over_in_their_place_alone() -> None:
    for part, name in RETIRED.items():
        assert ModelConfig.from_json(changed(part, **{name: 1})) == CONFIG
        assert name not in CONFIG.to_json()
        with pytest.raises(ValueError, match=f"BlurConfig has no '{name}'"):
            ModelConfig.from_json(changed("blur", **{name: 1}))


def test_missing_keys_are_named() -> None:
    data = json.loads(CONFIG.to_json())
    del data["blur"], data["elements"]
    with pytest.raises(ValueError, match=r"lacks 'blur', 'elements'"):
        ModelConfig.from_json(json.dumps(data))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Expecting"),
        ("[]", "object"),
        ("3", "object"),
        ('{"name"', "Exp"),
        ("{}", "lacks"),
        ("[" * 10**5, "nested"),
    ],
)
def test_what_is_no_configuration_is_rejected(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ModelConfig.from_json(text)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("network", "width", 10**9),
        ("network", "width", -16),
        ("network", "width", 16.5),
        ("network", "width", True),
        ("network", "heads", 3),
        ("network", "blocks", 10**6),
        ("network", "hinges", "no"),
        ("blur", "prior", "molecules"),
        ("blur", "sigma", float("nan")),
        ("blur", "timesteps", 10**7),
        ("sampling", "steps", 0),
        ("sampling", "steps", 10**8),
        ("sampling", "rounds", "4"),
        ("sampling", "rounds", 10**4),
        ("sampling", "noise_scale", float("inf")),
        ("sampling", "tolerance", -0.1),
        ("sampling", "coarse", "etk"),
    ],
)
def test_impossible_values_are_named(part: str, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        ModelConfig.from_json(changed(part, **{name: value}))


@pytest.mark.parametrize(("name", "value"), [("elements", [1, 600]), ("max_atoms", 0), ("min_atoms", None)])
def test_impossible_elements_and_sizes_are_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        ModelConfig.from_json(changed(**{name: value}))


def test_values_of_another_kind_are_value_errors_too() -> None:
    for text in (changed(elements=6), changed("blur", sigma="large"), changed(architecture=[])):
        with pytest.raises(ValueError, match="wrong kind"):
            ModelConfig.from_json(text)


def test_all_faults_are_named_at_once() -> None:
    data = json.loads(CONFIG.to_json())
    data["network"]["width"], data["sampling"]["steps"], data["max_atoms"] = 0, 0, 0
    with pytest.raises(ValueError, match=r"model 'tiny': max_atoms .*; width .*; steps "):
        ModelConfig.from_json(json.dumps(data))


def test_bounds_name_fields_that_there_are() -> None:
    parts = (CONFIG, CONFIG.network, PaperNetworkConfig(), CONFIG.blur, CONFIG.sampling)
    assert {type(part) for part in parts} == set(BOUNDS)
    for part in parts:
        assert set(BOUNDS[type(part)]) <= set(asdict(part))


@pytest.mark.parametrize("name", available_models())
def test_shipped_models_are_far_within_bounds(name: str) -> None:
    network = read_config(available_models()[name]).network
    for size, (_, most) in BOUNDS[type(network)].items():
        assert 2 * getattr(network, size) <= most
