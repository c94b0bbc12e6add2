"""Does CONFORGE make the molecule that was asked for, in its order of atoms, and are its failures results?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import bond_pairs, embedded, lengths, needs, with_hydrogens
from rdkit import Chem
from reference_sets import record

from rdkit_ebd.bench import Plan, time_methods
from rdkit_ebd.chem.stereo import stereo_kept, stereo_labels
from rdkit_ebd.evaluation import rivals
from rdkit_ebd.evaluation.measures import positions
from rdkit_ebd.evaluation.methods import generate, parse_method, parse_methods

needs_cdpkit = needs("CDPL")
STEREO = ("salbutamol", "penicillin_v", "morphine", "esomeprazole", "tamoxifen", "fosfomycin", "testosterone")


@needs_cdpkit
@pytest.mark.parametrize("name", [*STEREO, "caffeine", "CC(=O)[O-].[Na+]", "C[N+](C)(C)CC(=O)[O-]"])
def test_conforge_makes_the_molecule_as_it_is_written(name: str) -> None:
    shuffled = np.random.default_rng(5).permutation(with_hydrogens(name).GetNumAtoms()).tolist()
    mol = Chem.RenumberAtoms(with_hydrogens(name), shuffled)
    found = generate(mol, parse_method("CONFORGE"), 4, 0)
    coords = positions(found.mol)
    assert 1 <= len(coords) == 4 - found.embedding.dropped
    assert found.embedding.indices == list(range(len(coords)))
    assert not found.embedding.failures
    assert np.isfinite(coords).all()
    if len(Chem.GetMolFrags(mol)) == 1:
        bonds = lengths(coords, bond_pairs(mol))
        assert 0.85 < bonds.min() < bonds.max() < 2.2  # angstrom; of atoms in another order they would not be
    labels = stereo_labels(mol)
    assert all(stereo_kept(x, labels) for x in coords)
    assert not mol.GetNumConformers()


@needs_cdpkit
def test_conforge_keeps_what_differs() -> None:
    found = generate(with_hydrogens("captopril"), parse_method("CONFORGE"), 50, 0)
    assert 5 < found.mol.GetNumConformers() <= 50
    again = generate(with_hydrogens("captopril"), parse_method("CONFORGE"), 50, 1)
    assert np.array_equal(positions(found.mol), positions(again.mol))  # there is no seed


@needs_cdpkit
def test_conforge_is_minimised_on_request() -> None:
    plain, minimised = (
        generate(with_hydrogens("aspirin"), parse_method(f"CONFORGE{m}"), 2, 0) for m in ("", "+MMFF94s")
    )
    assert plain.mol.GetNumConformers() == minimised.mol.GetNumConformers() == 2
    assert np.abs(positions(plain.mol) - positions(minimised.mol)).max() > 0.01
    assert parse_method("CONFORGE").identity != parse_method("CONFORGE+MMFF94s").identity


@needs_cdpkit
def test_what_conforge_cannot_treat_is_a_result() -> None:
    found = generate(with_hydrogens("C[Se]C"), parse_method("CONFORGE"), 2, 0)
    assert found.mol.GetNumConformers() == found.embedding.dropped == 0
    assert sum(found.embedding.failures.values()) == 1
    mol = Chem.MolFromSmiles("[NH3]->[Pt](Cl)(Cl)<-[NH3]")
    rejected = generate(Chem.AddHs(mol), parse_method("CONFORGE"), 2, 0)
    assert rejected.embedding.failures
    assert rejected.mol.GetNumConformers() == 0


@needs_cdpkit
def test_conformers_there_are_already_stay_out_of_it() -> None:
    mol = embedded("aspirin", 2)
    found = generate(mol, parse_method("CONFORGE"), 1, 0)
    assert (mol.GetNumConformers(), found.mol.GetNumConformers()) == (2, 1)


@needs_cdpkit
def test_conforge_is_timed_and_judged_beside_the_others() -> None:
    methods = parse_methods(["ETKDGv3", "CONFORGE"])
    timings = time_methods([record("CC(C)CO", 2)], methods, Plan(factor=2))
    assert [timing.method for timing in timings] == ["ETKDGv3", "CONFORGE"]
    assert all(timing.conformers and {"mat_r", "mat_p"} <= set(timing.metrics) for timing in timings)


def test_without_cdpkit_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(rivals, "import_module", missing)
    with pytest.raises(ImportError, match=r"rdkit-ebd\[rivals\]"):
        parse_method("CONFORGE")
