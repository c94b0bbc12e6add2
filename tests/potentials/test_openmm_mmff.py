"""Does OpenMM's MMFF give RDKit's energies, gradients and minima?"""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from helpers import DRUGS, embedded, with_hydrogens
from rdkit import Chem
from rdkit.Chem.rdForceFieldHelpers import MMFFGetMoleculeForceField, MMFFGetMoleculeProperties

openmm = pytest.importorskip("openmm")

from rdkit_ebd.potentials.mmff_terms import mmff_terms  # noqa: E402
from rdkit_ebd.potentials.openmm_mmff import OpenMMMMFF, family, mmff_system  # noqa: E402
from rdkit_ebd.potentials.rdkit_ff import RDKitForceField  # noqa: E402

# By what is special about them; drugs are added below.
MOLECULES = {
    "smallest": "O [Na+] [Cl-] C N S P C=S BrI OO N#N O=C=O C#C O=S=O N=O OS [NH4+] [OH-] [OH3+] [F-] CCl",
    "linear": "CC#N C#CC C=C=C C=C=C=C CN=[N+]=[N-] C[N+]#[C-] C[N+]#N c1ccccc1[N+]#N C=C=O CN=C=S CN=C=O CC#CC#CC "
    "N#CC#N CC(=O)C=[N+]=[N-] CC=[N+]=[N-] C=CC#CC=C N#CSC C#CC=O CC=C=CC",
    "small rings": "C1CC1 C1CCC1 C1CC2CC12 C1CN1 C1CO1 C1CS1 C1=CC1 C1=CCC1 C12C3C4C1C5C2C3C45 C1C2CC1C2 O=C1CCN1 "
    "O=C1CCO1 C1CC11CC1 C1CNC1 C1COC1 O=C1CC1 C1=NC1 C1OO1 C1CSC1 CC1(C)C2CCC1(C)C(=O)C2 O=C1NC2CCC12",
    "heterocycles": "c1ccccc1 c1ccncc1 c1cc[nH]c1 c1ccoc1 c1ccsc1 c1c[nH]cn1 c1cn[nH]c1 c1cnoc1 c1cscn1 c1cnccn1 "
    "c1ncncn1 c1nnc[nH]1 c1nnn[nH]1 c1ccc2[nH]ccc2c1 c1ccc2ncccc2c1 c1ccc2occc2c1 c1ncc2nc[nH]c2n1 Cn1cccc1 "
    "c1ccc2nsnc2c1 O=c1cc[nH]cc1 O=c1cccco1 Cc1nnc(C)o1 Cc1nnc(C)s1 c1ccc2c(c1)oc1ccccc12 c1cn2cccc2cn1 C1=CC=CC=CC=C1",
    "charged": "CC(=O)[O-] C[NH3+] C[N+](C)(C)C NC(N)=[NH2+] c1c[nH]c[nH+]1 c1cc[nH+]cc1 C[n+]1ccn(C)c1 c1nnn[n-]1 "
    "C[S+](C)C CC(=S)[S-] CS(=O)[O-] CS(=O)(=O)[O-] C[O-] C[S-] c1ccccc1[O-] C=[N+](C)C CC(N)=[NH2+] [O-]Cl(=O)(=O)=O "
    "c1cc[n-]c1 CC(=O)[N-]S(C)(=O)=O C[NH2+]C C=[NH2+] C=[OH+] CC#[NH+] C[P+](C)(C)C CN[O-] c1ccn[n-]1",
    "zwitterions": "[NH3+]CC(=O)[O-] [NH3+][C@@H](Cc1ccccc1)C(=O)[O-] C[N+](C)(C)CC(=O)[O-] c1cc[n+]([O-])cc1 "
    "C[N+](C)(C)[O-] C[N+](=O)[O-] c1ccccc1[N+](=O)[O-] O=[N+]([O-])O C/C=[N+](\\C)[O-] CO[N+](=O)[O-] CN[N+](=O)[O-] "
    "C[N+](C)(C)CCOP(=O)([O-])OC NC(=[NH2+])NCCC[C@H]([NH3+])C(=O)[O-] C[S+]([O-])C C[P+](C)(C)[CH2-]",
    "sulfur": "CS(N)(=O)=O CS(=O)(=O)Nc1ccccc1 CS(C)=O CS(C)(=O)=O CSSC CSC CC(=S)N CC(=S)O COS(=O)(=O)OC CS(=O)(=O)Cl "
    "CN=S(C)C CS(C)(=N)=O CS(=O)(=O)OC CSC(=O)C NS(N)(=O)=O CC(=S)SC CS(=O)O CSO c1ccccc1S(=O)(=O)F",
    "phosphorus": "COP(=O)(O)O COP(=O)([O-])[O-] CP(C)C CP(=O)(C)C O=P(N)(N)N COP(=S)(OC)OC CP(=O)(O)O "
    "O=P(O)(O)OP(=O)(O)O COP(OC)OC C=P(C)(C)C CP=C NP(=O)(OC)OC COP(=O)([O-])OC",
    "other": "C[Si](C)(C)C C[SiH2]O[SiH3] FC(F)(F)F BrCCBr CI Ic1ccccc1 COOC CN(C)N CN=NC c1ccccc1N=Nc1ccccc1 "
    "CON=C CC(C)=NO NN CNO CC(=O)OC(C)=O NC(=O)N CN(C)C=O C=CC=O CC(=O)NC C=CN C=CO CC(=O)C C=CC=C CN=O "
    "O=C(O)C(=O)O N=C=N c1ccccc1-c1ccccc1 F/C=C/F C=CC(=O)N CNC(=O)OC",
    "salts": "[Na+].[Cl-] [K+].[Br-] [Li+].[F-] CC(=O)[O-].[Na+] C[NH3+].[Cl-] [Mg+2].[Cl-].[Cl-] O.CC(=O)O CO.[Ca+2] "
    "[Zn+2].NCC(=O)[O-] N#C[S-].[K+] [Fe+3].O [Cu+2].O",
}
SMILES = [*" ".join(MOLECULES.values()).split(), *DRUGS]
VARIANTS = ("MMFF94", "MMFF94s")
TERMS = ("Bond", "Angle", "StretchBend", "Oop", "Torsion", "VdW", "Ele")


@cache
def strained(smiles: str) -> Chem.Mol:
    """A conformer away from every minimum, its components apart: RDKit puts them on each other."""
    mol = embedded(smiles)
    conformer = mol.GetConformer()
    x = conformer.GetPositions() + np.random.default_rng(0).normal(scale=0.08, size=(mol.GetNumAtoms(), 3))
    for place, atoms in enumerate(Chem.GetMolFrags(mol)):
        x[list(atoms), 0] += 5.0 * place
    conformer.SetPositions(x)
    return mol


def by_rdkit(mol: Chem.Mol, variant: str, terms: tuple[str, ...] = TERMS) -> tuple[float, np.ndarray]:
    """RDKit's energy, kcal/mol, and gradient (N, 3), kcal/mol/angstrom, of some of the terms."""
    properties = MMFFGetMoleculeProperties(mol, variant)
    for term in TERMS:
        getattr(properties, f"SetMMFF{term}Term")(term in terms)
    field = MMFFGetMoleculeForceField(mol, properties, ignoreInterfragInteractions=False)
    return field.CalcEnergy(), np.array(field.CalcGrad()).reshape(-1, 3)


def test_the_molecules_are_many_and_varied() -> None:
    mols = [with_hydrogens(smiles) for smiles in SMILES]
    assert len({Chem.MolToSmiles(mol) for mol in mols}) == len(SMILES) >= 200
    types = set()
    for mol in mols:
        properties = MMFFGetMoleculeProperties(mol)
        types |= {properties.GetMMFFAtomType(i) for i in range(mol.GetNumAtoms())}
    assert len(types) >= 85  # of the 95 that there are


@pytest.mark.parametrize("variant", VARIANTS)
def test_energies_and_gradients_are_rdkits(variant: str) -> None:
    off = {}
    for smiles in SMILES:
        mol = strained(smiles)
        energy, gradient = OpenMMMMFF(variant).surface(mol).gradient(mol.GetConformer().GetPositions())
        wanted, slope = by_rdkit(mol, variant)
        errors = abs(energy - wanted), np.abs(gradient - slope).max()
        if max(errors) > 1e-5:
            off[smiles] = errors
    assert off == {}


def test_each_kind_of_term_is_a_force_group_and_is_rdkits() -> None:
    mol = strained("terbinafine")  # has an alkyne: linear angles
    system = mmff_system(mol, "MMFF94s")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(mol.GetConformer().GetPositions() / 10)
    groups = {"Bond": {0}, "Angle": {1, 2}, "StretchBend": {3}, "Oop": {4}, "Torsion": {5}}
    for term, group in groups.items():
        ours = context.getState(energy=True, groups=group).getPotentialEnergy()._value / 4.184
        assert ours == pytest.approx(by_rdkit(mol, "MMFF94s", (term,))[0], abs=1e-6)
        assert abs(ours) > 0.01
    ours = context.getState(energy=True, groups={6}).getPotentialEnergy()._value / 4.184
    assert ours == pytest.approx(by_rdkit(mol, "MMFF94s", ("VdW", "Ele"))[0], abs=1e-6)


def test_the_variants_differ_where_nitrogen_is_flattened() -> None:
    assert mmff_terms(strained("Nc1ccccc1"), "MMFF94") != mmff_terms(strained("Nc1ccccc1"), "MMFF94s")
    assert mmff_terms(strained("CCO"), "MMFF94") == mmff_terms(strained("CCO"), "MMFF94s")


def test_components_of_a_salt_attract_each_other() -> None:
    mol = strained("CC(=O)[O-].[Na+]")
    surface, near = OpenMMMMFF().surface(mol), mol.GetConformer().GetPositions()
    far = near.copy()
    far[Chem.GetMolFrags(mol)[1], 0] += 50
    assert surface.energy(far) > surface.energy(near) + 20


@pytest.mark.parametrize("name", ["aspirin", "captopril", "diazepam", "sulfamethoxazole", "salbutamol"])
def test_minima_are_rdkits(name: str) -> None:
    mol = embedded(name)
    start = mol.GetConformer().GetPositions()
    ours = OpenMMMMFF("MMFF94s").surface(mol).minimise(start, 5000)
    theirs = RDKitForceField("MMFF94s").surface(mol).minimise(start, 5000)
    assert ours.converged
    assert theirs.converged
    assert ours.energy == pytest.approx(theirs.energy, abs=0.05)


def test_names() -> None:
    for name in ("MMFF94/OpenMM", "MMFF94s/OpenMM", "MMFF94s/OpenMM/CPU"):
        assert getattr(family(name), "name", None) == name
    assert getattr(family("mmff94S/openmm"), "name", None) == "MMFF94s/OpenMM"
    assert getattr(family("MMFF94s/OpenMM/CPU"), "platform", None) == "CPU"
    for name in ("MMFF94s", "MMFF94x/OpenMM", "MMFF94s/OpenMM/", "openff-2.2.1"):
        assert family(name) is None


def test_molecules_without_parameters_are_told_by_their_atoms() -> None:
    potential = OpenMMMMFF("MMFF94s")
    assert potential.obstacle(with_hydrogens("aspirin")) is None
    boronic = with_hydrogens("CB(O)O")
    assert "1 (B)" in str(potential.obstacle(boronic))
    with pytest.raises(ValueError, match="MMFF94s has no parameters"):
        potential.surface(boronic)


def test_a_missing_package_or_platform_is_told_with_its_install_line() -> None:
    with pytest.raises(ImportError, match=r"'Abacus'.*pip install"):
        OpenMMMMFF(platform="Abacus").obstacle(with_hydrogens("aspirin"))
    code = (
        "import sys; sys.modules['openmm'] = None; from rdkit import Chem; "
        "from rdkit_ebd.potentials.openmm_mmff import OpenMMMMFF; OpenMMMMFF().obstacle(Chem.MolFromSmiles('C'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'ImportError: OpenMM is not installed: pip install "rdkit_ebd[openmm]"' in done.stderr
