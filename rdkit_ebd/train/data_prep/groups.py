"""Which chemistry is thin in data sets of drugs? Groups by SMARTS and by shape, which take turns when data are made."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcNumRotatableBonds

SMARTS = {
    "azo": "[#6]N=N[#6;!$(C=O)]",
    "disulfide": "[#6]SS[#6]",
    "triazene": "[#6]N=N[NX3]",
    "nitrosamine": "[NX3]N=O",
    "azide": "N=[N+]=[N-]",
    "isocyanide": "[N+]#[C-]",
    "sulfoximine": "S(=O)(=N)([#6])[#6]",
    "isocyanate": "N=C=[O,S]",
    "diyne": "C#CC#C",
    "ketene": "C=C=[O,N,C]",
    "sulfoxide": "[#6][SX3](=O)[#6]",
    "sulfinamide": "[SX3](=O)N",
    "sulfurane": "[S;D5,D6]",
    "sulfonyl halide": "S(=O)(=O)[F,Cl]",
    "sulfenamide": "[SX2][NX3]",
    "thiocyanate": "SC#N",
    "thiocarbonyl": "C=S",
    "phosphorus": "[P,p]",
    "iodine": "[I]",
    "hypervalent iodine": "[I;D2,D3,D4]",
    "boron": "[B,b]",
    "silicon": "[Si]",
    "selenium": "[Se,se]",
    "arsenic": "[As,as]",
    "N-oxide": "[N+]([O-])([#6])[#6]",
    "hydrazine": "[NX3;!$(N-C=O);!$(NS)]-[NX3]",
    "nitroso or nitro": "[#6]N=O",
    "peroxide": "OO",
    "diazo": "C=[N+]=[N-]",
    "carbodiimide": "N=C=N",
    "oxime": "C=NO",
    "cyclopropene": "C1=CC1",
    "cyclobutane": "C1CCC1",
    "strained heterocycle": "[N,O,S;r3,r4]",
    "cation": "[+;!$(*~[-])]",
    "anion": "[-;!$(*~[+])]",
    "decalin": "C1CCC2CCCCC2C1",
    "bridged": "[R3]",
    "spiro": "[CX4;R2](@[CX4;R1])(@[CX4;R1])(@[CX4;R1])@[CX4;R1]",
    "saturated ring": "[CX4,NX3,OX2;R;r5,r6,r7]1[CX4;R][CX4;R][CX4,NX3,OX2;R][CX4;R]*1",
    "steroid": "C1CCC2C(C1)CCC1C2CCC2CCCC12",
    "sugar": "OC1OC(C)C(O)C(O)C1",
    "nucleoside": "n[C;R]1O[C;R]([C;!R])[C;R][C;R]1",
    "halogenated biaryl": "c([Cl,Br,I,F])c(-c(c[Cl,Br,I,F]))c[Cl,Br,I,F]",
    "fjord": "c1ccc2c(c1)ccc1ccc3ccccc3c12",
    "vinyl halide": "C=C[Cl,Br,I]",
}
SHAPES: dict[str, Callable[[Chem.Mol], bool]] = {
    "any": lambda mol: True,
    "small": lambda mol: atom_count(mol) <= 15,
    "flexible": lambda mol: 8 <= CalcNumRotatableBonds(mol) <= 15,
    "macrocycle": lambda mol: any(len(ring) >= 9 for ring in mol.GetRingInfo().AtomRings()),
}
GROUPS = (*SHAPES, *SMARTS)
SHARES = {"any": 8.0, "small": 3.0}  # molecules per turn; every other group has one


def groups_of(mol: Chem.Mol) -> list[str]:
    """The groups that a molecule belongs to, in the order of `GROUPS`."""
    shapes = [name for name, fits in SHAPES.items() if fits(mol)]
    return shapes + [name for name in SMARTS if mol.HasSubstructMatch(_pattern(name))]


def atom_count(mol: Chem.Mol) -> int:
    """Atoms of a molecule, implicit hydrogens included."""
    return int(mol.GetNumAtoms()) + sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())


@cache
def _pattern(name: str) -> Chem.Mol:
    return Chem.MolFromSmarts(SMARTS[name])
