"""Do inputs of quantum chemistry have the atoms, charge and spin of the molecule?"""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem

from rdkit_ebd import ScoreConformers
from rdkit_ebd.io import QuantumInput, ToASE, XYZEnsemble, read_molecules

ATOM = re.compile(r"^([A-Z][a-z]?) +(-?[\d.]+) +(-?[\d.]+) +(-?[\d.]+)$", re.MULTILINE)


@pytest.mark.parametrize("program", ["xtb", "psi4", "orca"])
@pytest.mark.parametrize(
    ("smiles", "charge", "multiplicity"), [("CC(=O)[O-]", -1, 1), ("C[NH+](C)C", 1, 1), ("C[CH2]", 0, 2), ("CBr", 0, 1)]
)
def test_atoms_charge_and_spin(program: str, smiles: str, charge: int, multiplicity: int) -> None:
    mol = embedded(smiles, 2)
    text = QuantumInput(mol, program, 1)
    found = ATOM.findall(text)
    assert [symbol for symbol, *_ in found] == [atom.GetSymbol() for atom in mol.GetAtoms()]
    places = np.array([[float(c) for c in xyz] for _, *xyz in found])
    assert np.abs(places - mol.GetConformer(1).GetPositions()).max() < 1e-7
    said = {
        "xtb": f"xtb input.xyz --gfn 2 --opt --chrg {charge} --uhf {multiplicity - 1}",
        "psi4": f"molecule {{\n{charge} {multiplicity}\n",
        "orca": f"! r2SCAN-3c Opt\n* xyz {charge} {multiplicity}\n",
    }
    assert said[program] in text
    assert ("uks" in text) == (program == "psi4" and multiplicity == 2)


def test_keywords_are_the_users() -> None:
    mol = embedded("CCO")
    assert QuantumInput(mol, "orca", keywords="wB97X-3c TightSCF").startswith("! wB97X-3c TightSCF\n")
    assert 'optimize("hf/sto-3g")' in QuantumInput(mol, "psi4", keywords="hf/sto-3g")


def test_an_ensemble_has_energies_in_hartree_and_reads_back(tmp_path: object) -> None:
    mol = embedded("CC(=O)Nc1ccc(O)cc1", 3)
    mol.SetProp("_Name", "paracetamol")
    assert "\nparacetamol conformer 2\n" in XYZEnsemble(mol)
    energies = ScoreConformers(mol, "MMFF94s")
    text = XYZEnsemble(mol, [2, 0])
    comments = text.splitlines()[1 :: mol.GetNumAtoms() + 2]
    assert [float(line) * 627.5094740631 for line in comments] == pytest.approx([energies[2], energies[0]], abs=1e-5)
    path = f"{tmp_path}/ensemble.xyz"
    with open(path, "w") as file:
        file.write(text)
    assert [Chem.MolToSmiles(Chem.RemoveHs(entry.mol)) for entry in read_molecules(path)] == ["CC(=O)Nc1ccc(O)cc1"] * 2


def test_what_cannot_be_an_input_is_named() -> None:
    with pytest.raises(ValueError, match="xtb, psi4, orca, not 'gaussian'"):
        QuantumInput(embedded("CCO"), "gaussian")
    with pytest.raises(ValueError, match="hydrogens are missing"):
        QuantumInput(Chem.RemoveHs(embedded("CCO")), "orca")
    with pytest.raises(ValueError, match="no conformers"):
        XYZEnsemble(Chem.MolFromSmiles("C"))


def test_ase() -> None:
    mol = embedded("CC(=O)[O-]")
    try:
        import ase  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="pip install ase"):
            ToASE(mol)
        return
    atoms = ToASE(mol)
    assert atoms.get_chemical_symbols() == [atom.GetSymbol() for atom in mol.GetAtoms()]
    assert np.allclose(atoms.get_positions(), mol.GetConformer().GetPositions())
    assert (atoms.info["charge"], atoms.info["spin"]) == (-1, 1)
