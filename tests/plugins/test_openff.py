"""Does the OpenFF toolkit get its conformers from EBD, as its own contract says, and RDKit back when it is done?"""

from __future__ import annotations

import doctest
import pickle
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from helpers import graph_of, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdMolTransforms

import rdkit_ebd
import rdkit_ebd_openff
from rdkit_ebd_openff.conformers import (
    checked_parameters,
    embed_for_toolkit,
    toolkit_parameters,
    with_rdkit_aromaticity,
)

needs_toolkit = pytest.mark.skipif(find_spec("openff") is None, reason="openff-toolkit is on conda-forge only")

IMPOSSIBLE = "C(C2)(C3)1CC23C1"
LONG = "CCCCCCCCCN"


def as_the_toolkit_gives_it(smiles: str) -> Chem.Mol:
    """With hydrogens, aromatic by the MDL model, without implicit hydrogens, as `to_rdkit` converts molecules."""
    mol = with_hydrogens(smiles)
    Chem.Kekulize(mol, clearAromaticFlags=True)
    Chem.SetAromaticity(mol, Chem.AromaticityModel.AROMATICITY_MDL)
    return mol


def test_importing_loads_nothing_heavy_and_a_missing_toolkit_is_reported() -> None:
    code = "import sys, rdkit_ebd_openff as x; assert not {'openff', 'rdkit', 'torch', 'openmm'} & set(sys.modules)"
    missing = "sys.modules['openff'] = None\ntry: x.register\nexcept ImportError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{missing}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "conda install -c conda-forge openff-toolkit" in done.stdout
    with pytest.raises(AttributeError, match="registre"):
        _ = rdkit_ebd_openff.registre


def test_the_model_sees_rdkits_aromaticity() -> None:
    smiles = "Cc1ccc(o1)C[C@H](N)/C=C/c1cnc[nH]1"  # furan and imidazole are not aromatic by the MDL model
    mol = as_the_toolkit_gives_it(smiles)
    assert sum(atom.GetIsAromatic() for atom in mol.GetAtoms()) == 0
    plain = with_hydrogens(smiles)
    Chem.SanitizeMol(plain)  # without it, hydrogens just added have no hybridisation
    seen, wanted = graph_of(with_rdkit_aromaticity(mol)), graph_of(plain)
    for name in ("atom_features", "pair_types", "fragments", "stereo_quads", "stereo_signs", "torsions"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(wanted, name))


def test_counts_and_cutoffs() -> None:
    mol = with_hydrogens(LONG)
    few, _ = embed_for_toolkit(mol, 20, 1.0, toolkit_parameters())
    many, report = embed_for_toolkit(mol, 20, 0.1, toolkit_parameters())
    assert 1 < few.GetNumConformers() < many.GetNumConformers()
    assert report.ids == [conformer.GetId() for conformer in many.GetConformers()]
    assert mol.GetNumConformers() == 0


def test_as_many_as_asked_for_where_the_molecule_has_them() -> None:
    """At a small cutoff the model's minima run out; conformers further from them are apart, and pass the checks."""
    mol = with_hydrogens("ibuprofen")
    embedded, report = embed_for_toolkit(mol, 40, 0.05, toolkit_parameters())
    assert (embedded.GetNumConformers(), report.requested, report.ok) == (40, 40, True)
    assert report.ids == [conformer.GetId() for conformer in embedded.GetConformers()]
    assert len(rdkit_ebd.PruneConformers(Chem.Mol(embedded), 0.05)) == 40
    coords = np.array([conformer.GetPositions() for conformer in embedded.GetConformers()])
    assert rdkit_ebd.stereo_kept(coords, rdkit_ebd.stereo_labels(mol)).all()
    again, _ = embed_for_toolkit(mol, 40, 0.05, toolkit_parameters())
    np.testing.assert_array_equal(coords, [conformer.GetPositions() for conformer in again.GetConformers()])


def test_a_molecule_that_has_no_more_is_not_asked_for_ever() -> None:
    embedded, report = embed_for_toolkit(with_hydrogens("c1ccccc1C"), 5, 1.0, toolkit_parameters())
    assert embedded.GetNumConformers() == 1
    assert report.ok
    assert "conformers were made to find 1 of 5 that are apart" in report.summary()


def test_parameters_are_converted_or_rejected() -> None:
    assert checked_parameters(None) == toolkit_parameters()
    ours = rdkit_ebd.EBD(randomSeed=3)
    assert checked_parameters(ours) == ours
    assert checked_parameters(ours) is not ours
    rdkits = rdDistGeom.ETKDGv3()
    rdkits.randomSeed = 3
    assert checked_parameters(rdkits) == ours
    with pytest.raises(TypeError, match=r"not \{'randomSeed': 3\}: EBD\(randomSeed=3\)"):
        checked_parameters({"randomSeed": 3})
    with pytest.raises(TypeError, match="'ETKDGv3'"):
        checked_parameters("ETKDGv3")


def test_what_the_model_does_not_know_is_rdkits() -> None:
    germane = with_hydrogens("C[Ge](C)(C)CCCCCC")
    embedded, report = embed_for_toolkit(germane, 2, 0.1, toolkit_parameters())
    assert [rdkit_ebd.get_provenance(c)["ebd_stage"] for c in embedded.GetConformers()] == ["fallback"] * 2
    assert "ETKDGv3" in report.summary()
    with pytest.raises(ValueError, match="atom 1 is Ge"):
        embed_for_toolkit(germane, 2, 0.1, rdkit_ebd.EBD())


def test_what_cannot_be_is_tried_again_and_reported() -> None:
    embedded, report = embed_for_toolkit(with_hydrogens(IMPOSSIBLE), 1, 1.0, toolkit_parameters())
    assert embedded.GetNumConformers() == 0
    assert report.failed == [(0, "NO_SEED")]


@needs_toolkit
def test_wrapper_answers_as_the_toolkit_expects() -> None:
    from openff.toolkit import Molecule, Quantity

    wrapper = rdkit_ebd_openff.EBDToolkitWrapper()
    molecule = Molecule.from_smiles(LONG)
    molecule.generate_conformers(n_conformers=10, rms_cutoff=Quantity(0.01, "nanometer"), toolkit_registry=wrapper)
    assert molecule.n_conformers == 10
    direct, _ = embed_for_toolkit(molecule.to_rdkit(), 10, 0.1, toolkit_parameters())
    for ours, theirs in zip(direct.GetConformers(), molecule.conformers, strict=True):
        np.testing.assert_array_equal(ours.GetPositions(), theirs.m_as("angstrom"))
    molecule.generate_conformers(n_conformers=2, clear_existing=False, toolkit_registry=wrapper)
    assert 10 < molecule.n_conformers <= 12  # None stands for 1 angstrom, which the two need not be apart
    molecule.generate_conformers(n_conformers=1, toolkit_registry=wrapper)
    assert molecule.n_conformers == 1
    assert wrapper.report is not None
    assert wrapper.report.requested == 1
    with pytest.raises(TypeError, match="rms_cutoff must be a length"):
        wrapper.generate_conformers(molecule, rms_cutoff=Quantity(1.0, "kelvin"))
    assert wrapper.report is None  # not that of the call before


@needs_toolkit
def test_failures_are_the_toolkits_own_and_nothing_is_lost() -> None:
    from openff.toolkit import Molecule
    from openff.toolkit.utils.exceptions import ConformerGenerationError

    impossible = Molecule.from_smiles(IMPOSSIBLE, allow_undefined_stereo=True)
    with pytest.raises(ConformerGenerationError, match=r"RDKit conf.*fail.*NO_SEED"):
        rdkit_ebd_openff.EBDToolkitWrapper().generate_conformers(impossible)
    germane = Molecule.from_smiles("C[Ge](C)(C)CCCCCC")
    germane.generate_conformers(n_conformers=1, toolkit_registry=rdkit_ebd_openff.EBDToolkitWrapper())
    strict = rdkit_ebd_openff.EBDToolkitWrapper(rdkit_ebd.EBD(fallback="none"))
    with pytest.raises(ConformerGenerationError, match=r"RDKit conf.*fail.*atom 1 is Ge"):
        strict.generate_conformers(germane)
    assert germane.n_conformers == 1


@needs_toolkit
@pytest.mark.parametrize("name", ["EBDToolkitWrapper", "register", "registered", "unregister"])
def test_examples_run(name: str) -> None:
    found = doctest.DocTestFinder(recurse=False).find(
        getattr(rdkit_ebd_openff, name), name, globs=vars(rdkit_ebd_openff)
    )
    given = {n: getattr(rdkit_ebd_openff, n) for n in rdkit_ebd_openff.__all__} | {"EBD": rdkit_ebd.EBD}
    log: list[str] = []
    runner = doctest.DocTestRunner()
    for test in found:
        test.globs = dict(given)
        runner.run(test, out=log.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(log)
    assert sum(bool(test.examples) for test in found) == 1


@needs_toolkit
def test_a_spawned_worker_answers_alike() -> None:
    """A wrapper goes to another process by pickle."""
    code = (
        "import pickle, sys; from openff.toolkit import Molecule; wrapper = pickle.loads(sys.stdin.buffer.read());"
        "m = Molecule.from_smiles('CCCO'); m.generate_conformers(n_conformers=2, toolkit_registry=wrapper);"
        "print(wrapper.report.ids, wrapper.params.randomSeed)"
    )
    wrapper = pickle.dumps(rdkit_ebd_openff.EBDToolkitWrapper(rdkit_ebd.EBD(randomSeed=5)))
    done = subprocess.run([sys.executable, "-c", code], input=wrapper, capture_output=True, check=False)
    assert done.stdout.decode().split("]")[-1].strip() == "5", done.stderr.decode()


@needs_toolkit
def test_carboxylic_acids_become_cis() -> None:
    from openff.toolkit import Molecule

    molecule = Molecule.from_smiles("OC(=O)CCCCC(=O)O")
    molecule.generate_conformers(n_conformers=5, toolkit_registry=rdkit_ebd_openff.EBDToolkitWrapper())
    mol = molecule.to_rdkit()
    acids = mol.GetSubstructMatches(Chem.MolFromSmarts("O=CO[H]"))
    angles = [rdMolTransforms.GetDihedralDeg(c, *acid) for c in mol.GetConformers() for acid in acids]
    assert len(angles) == 2 * molecule.n_conformers
    assert max(map(abs, angles)) < 90


@needs_toolkit
def test_written_stereo_is_kept() -> None:
    from openff.toolkit import Molecule

    molecule = Molecule.from_smiles("C[C@H](O)/C=C/[C@@H](N)c1ccco1")
    molecule.generate_conformers(n_conformers=3, toolkit_registry=rdkit_ebd_openff.EBDToolkitWrapper())
    mol = molecule.to_rdkit()
    for conformer in mol.GetConformers():
        read = Chem.Mol(mol, False, conformer.GetId())
        Chem.AssignStereochemistryFrom3D(read)
        assert Molecule.from_rdkit(read) == molecule


@needs_toolkit
def test_wrapper_pickles_and_says_who_it_is() -> None:
    wrapper = rdkit_ebd_openff.EBDToolkitWrapper(rdkit_ebd.EBD(randomSeed=5))
    again = pickle.loads(pickle.dumps(wrapper))
    assert type(again) is type(wrapper)
    assert again.params == wrapper.params
    assert "rdkit_ebd" in again.toolkit_name
    assert again.toolkit_version == rdkit_ebd.__version__


@needs_toolkit
def test_registry_asks_ebd_first_and_is_restored() -> None:
    from openff.toolkit import GLOBAL_TOOLKIT_REGISTRY, Molecule, RDKitToolkitWrapper, ToolkitRegistry

    before = GLOBAL_TOOLKIT_REGISTRY.registered_toolkits
    with rdkit_ebd_openff.registered() as wrapper:
        assert GLOBAL_TOOLKIT_REGISTRY.registered_toolkits == [wrapper, *before]
        Molecule.from_smiles("CCO").generate_conformers(n_conformers=1)
        assert wrapper.report is not None
    assert GLOBAL_TOOLKIT_REGISTRY.registered_toolkits == before
    with pytest.raises(ZeroDivisionError), rdkit_ebd_openff.registered():
        raise ZeroDivisionError
    assert GLOBAL_TOOLKIT_REGISTRY.registered_toolkits == before

    for wrong in ({"randomSeed": 3}, "EBD"):
        with pytest.raises(TypeError, match="params must be an EBD"):
            rdkit_ebd_openff.register(wrong)
    assert GLOBAL_TOOLKIT_REGISTRY.registered_toolkits == before

    own = ToolkitRegistry([RDKitToolkitWrapper])
    first, second = rdkit_ebd_openff.register(registry=own), rdkit_ebd_openff.register(registry=own)
    assert own.registered_toolkits[0] is second
    assert first not in own.registered_toolkits
    with rdkit_ebd_openff.registered(registry=own) as third:
        assert own.registered_toolkits[0] is third
    assert own.registered_toolkits[0] is second
    rdkit_ebd_openff.unregister(own)
    rdkit_ebd_openff.unregister(own)
    assert [type(toolkit) for toolkit in own.registered_toolkits] == [RDKitToolkitWrapper]
    assert GLOBAL_TOOLKIT_REGISTRY.registered_toolkits == before
