"""Does a drawn molecule depend on its seed and number alone, and do held atoms stay?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_generator import CONFIG, tiny_generator

from rdkit_ebd.generators.edm import draw
from rdkit_ebd.generators.edm.draw import Drawn, draw_molecules, draw_path
from rdkit_ebd.generators.edm.model import LoadedGenerator, load_generator, read_generator_config
from rdkit_ebd.generators.edm.orders import HeldAtoms, Order

ORDERS = [Order(0, 3, 4), Order(1, 4, 6), Order(2, 3, 6), Order(3, 4, 2, (("alpha", 22.0),)), Order(4, 5, 6)]
HELD = HeldAtoms(
    np.array([6, 8]),
    np.array([[5.0, 1.0, 2.0], [6.4, 1.0, 2.0]]),
    (np.array([[4.6, 2.0, 2.0], [4.6, 0.5, 2.9]]), np.zeros((0, 3))),
    np.array([1, 1]),
    np.array([[0, 1], [1, 0]]),
    np.array([4, 2]),
    np.array([False, False]),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedGenerator:
    return load_generator(tiny_generator(tmp_path_factory.mktemp("model")), "cpu")


def drawn(model: LoadedGenerator, orders: list[Order], seed: int = 5, **settings: object) -> dict[int, Drawn]:
    return {one.index: one for one in draw_molecules(model, orders, seed, **settings)}  # type: ignore[arg-type]


def test_a_molecule_is_the_same_whatever_it_is_drawn_with(model: LoadedGenerator) -> None:
    together = drawn(model, ORDERS)
    assert sorted(together) == [0, 1, 2, 3, 4]
    for order in ORDERS:
        alone = drawn(model, [order])[order.index]
        assert alone.numbers.tolist() == together[order.index].numbers.tolist()
        assert np.allclose(alone.coords, together[order.index].coords, rtol=1e-5, atol=1e-4)
    assert not np.allclose(drawn(model, ORDERS[:1], seed=6)[0].coords, together[0].coords, atol=0.1)


def test_large_molecules_are_drawn_a_few_at_a_time(model: LoadedGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    inner = draw._of_one_size
    monkeypatch.setattr(draw, "_PAIRS", 2 * 40**2)
    monkeypatch.setattr(
        draw, "_of_one_size", lambda m, group, *rest: (sizes.append(len(group)), inner(m, group, *rest))[1]
    )
    orders = [Order(k, 40 if k < 5 else 4, 6) for k in range(9)]
    assert sorted(drawn(model, orders)) == list(range(9))
    assert sizes == [4, 2, 2, 1]


def test_what_contradicts_itself_is_drawn_again_and_the_others_stay(model: LoadedGenerator) -> None:
    sampling = replace(model.config.sampling, restarts=0)
    once, again = drawn(model, ORDERS, sampling=sampling), drawn(model, ORDERS)
    assert {one.restarts for one in once.values()} == {0}
    for index, one in again.items():
        same = np.array_equal(one.coords, once[index].coords)
        assert same is (one.restarts == 0)
    assert any(one.restarts for one in again.values())


def test_sizes_are_those_ordered(model: LoadedGenerator) -> None:
    for order in ORDERS:
        one = drawn(model, [order])[order.index]
        heavy = int((one.numbers > 1).sum())
        assert (heavy, len(one.numbers) - heavy) == (order.heavy, order.hydrogens)
        assert set(zip(one.numbers[:heavy], np.bincount(one.owners[heavy:], minlength=heavy), strict=True)) <= {
            (np.int8(z), h) for z, h in CONFIG.kinds
        }


def test_conditions_change_what_is_drawn_and_guidance_goes_further(model: LoadedGenerator) -> None:
    plain, told = drawn(model, [replace(ORDERS[3], wanted=())])[3], drawn(model, [ORDERS[3]])[3]
    assert not np.allclose(plain.coords, told.coords, atol=1e-4)
    assert not np.allclose(drawn(model, [ORDERS[3]], guidance=3.0)[3].coords, told.coords, atol=1e-4)


def test_held_atoms_stay(model: LoadedGenerator) -> None:
    for seed in range(4):
        one = drawn(model, [ORDERS[4]], seed, held=HELD)[4]
        assert np.abs(one.coords[:2] - HELD.x).max() < 1e-4
        assert one.numbers[:2].tolist() == [6, 8]
        own = one.coords[np.flatnonzero(one.owners == 0)]
        assert np.abs(own[:2] - HELD.hydrogens[0]).max() < 1e-4
        assert len(own) <= 3
        assert (one.owners == 1).sum() <= 1


def test_a_path_ends_with_the_molecule(model: LoadedGenerator) -> None:
    one, frames = draw_path(model, ORDERS[1], 5)
    steps = model.config.sampling
    assert one.restarts <= steps.restarts
    assert len(frames) == steps.steps + one.restarts * len(steps.levels(again=True)) + steps.hydrogen_steps + 1
    assert np.abs(one.coords - drawn(model, ORDERS)[1].coords).max() < 1e-4
    assert np.array_equal(frames[-1], one.coords)
    heavy = int((one.owners < 0).sum())
    assert np.array_equal(frames[0][heavy:], frames[0][one.owners[heavy:]])  # hydrogens lie on their atoms


def test_a_file_is_what_it_was(model: LoadedGenerator, tmp_path: Path) -> None:
    assert read_generator_config(tiny_generator(tmp_path)) == CONFIG
    assert model.config == CONFIG


@pytest.mark.parametrize(
    ("change", "message"),
    [({"width": 0}, "skeletons.width must be"), ({"heads": 3}, "no multiple of its 3 heads")],
)
def test_impossible_sizes_are_named(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, skeletons=replace(CONFIG.skeletons, **change))


def test_other_files_and_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no model 'edm-zinc'"):
        load_generator("edm-zinc")
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"no safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors is not a safetensors file"):
        load_generator(str(other))
