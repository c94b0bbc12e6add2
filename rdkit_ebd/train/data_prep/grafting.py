"""How do molecules with rare elements and groups come about? By exchanging a halogen, OMe, tBu or OH of common ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from rdkit import Chem

# Bound by their first atom to the carbon that held the group exchanged.
ON_CARBON = {
    "SF5": "S(F)(F)(F)(F)F",
    "OCF3": "OC(F)(F)F",
    "B(OH)2": "B(O)O",
    "Bpin": "B1OC(C)(C)C(C)(C)O1",
    "BF3-": "[B-](F)(F)F",
    "BMe2": "B(C)C",
    "SiMe3": "[Si](C)(C)C",
    "SiMe2Ph": "[Si](C)(C)c1ccccc1",
    "Si(OMe)3": "[Si](OC)(OC)OC",
    "SeMe": "[Se]C",
    "SePh": "[Se]c1ccccc1",
    "SeCN": "[Se]C#N",
    "AsMe2": "[As](C)C",
    "I": "I",
    "I(OAc)2": "I(OC(C)=O)OC(C)=O",
    "N3": "N=[N+]=[N-]",
    "NC": "[N+]#[C-]",
    "NCO": "N=C=O",
    "NCS": "N=C=S",
    "NSO": "N=S=O",
    "N(Me)NO": "N(C)N=O",
    "N=NNMe2": "N=NN(C)C",
    "N=NPh": "N=Nc1ccccc1",
    "sulfoximine": "S(C)(=O)=N",
    "sulfinamide": "S(=O)N",
    "SOMe": "S(C)=O",
    "SO2F": "S(=O)(=O)F",
    "SO3-": "S(=O)(=O)[O-]",
    "SSMe": "SSC",
    "SMe2+": "[S+](C)C",
    "PMe2": "P(C)C",
    "POMe2": "P(C)(C)=O",
    "PO(OMe)2": "P(=O)(OC)OC",
    "PMe3+": "[P+](C)(C)C",
    "diyne": "C#CC#CC",
    "ketene": "C=C=O",
    "allene": "C=C=C",
    "ONO2": "O[N+](=O)[O-]",
}
ON_ALCOHOL = {
    "OSiMe3": "O[Si](C)(C)C",
    "OTBS": "O[Si](C)(C)C(C)(C)C",
    "siloxane": "O[Si](C)(C)O[Si](C)(C)C",
    "OB(OMe)2": "OB(OC)OC",
}
_HANDLES = ("[#6]-[Br,I,Cl]", "c-O-[CH3]", "c-C([CH3])([CH3])[CH3]")  # the first atom stays, the others leave
_ALCOHOL = "[#6]-[OH]"
_FOREIGN = frozenset((5, 14, 33, 34))  # one rare element in a molecule is enough
_THIOPHENE, _SELENIUM = "[s;r5]", 34


def grafts(mols: Iterable[Chem.Mol], per_graft: int = 100) -> Iterator[tuple[str, Chem.Mol]]:
    """Exchange groups of molecules, each taking the graft that has had fewest.

    Args:
        mols: Molecules without explicit hydrogens.
        per_graft: Molecules with each.

    Yields:
        (name of the graft, molecule).
    """
    made = dict.fromkeys([*ON_CARBON, *ON_ALCOHOL, "selenophene"], 0)
    for mol in mols:
        fitting = [name for name in _fitting(mol) if made[name] < per_graft]
        if fitting:
            name = min(fitting, key=lambda name: made[name])
            if (grafted := graft(mol, name)) is not None:
                made[name] += 1
                yield name, grafted


def graft(mol: Chem.Mol, name: str) -> Chem.Mol | None:
    """A molecule with one group exchanged for a graft; None where there is nothing to exchange, or no valid result."""
    if name == "selenophene":
        return _exchanged_atom(mol)
    fragment = {**ON_CARBON, **ON_ALCOHOL}[name]
    for handle in _HANDLES if name in ON_CARBON else (_ALCOHOL,):
        if match := mol.GetSubstructMatch(_pattern(handle)):
            return _joined(mol, match[0], match[1:], fragment)
    return None


def _fitting(mol: Chem.Mol) -> list[str]:
    if any(atom.GetAtomicNum() in _FOREIGN for atom in mol.GetAtoms()):
        return []
    names = list(ON_CARBON) if any(mol.HasSubstructMatch(_pattern(handle)) for handle in _HANDLES) else []
    names += list(ON_ALCOHOL) if mol.HasSubstructMatch(_pattern(_ALCOHOL)) else []
    return names + ["selenophene"] * mol.HasSubstructMatch(_pattern(_THIOPHENE))


def _joined(mol: Chem.Mol, anchor: int, leaving: Iterable[int], fragment: str) -> Chem.Mol | None:
    both = Chem.RWMol(Chem.CombineMols(mol, Chem.MolFromSmiles(fragment)))
    both.AddBond(anchor, mol.GetNumAtoms(), Chem.BondType.SINGLE)
    for atom in sorted(leaving, reverse=True):
        both.RemoveAtom(atom)
    return Chem.MolFromSmiles(Chem.MolToSmiles(both))


def _exchanged_atom(mol: Chem.Mol) -> Chem.Mol | None:
    match = mol.GetSubstructMatch(_pattern(_THIOPHENE))
    if not match:
        return None
    changed = Chem.RWMol(mol)
    changed.GetAtomWithIdx(match[0]).SetAtomicNum(_SELENIUM)
    return Chem.MolFromSmiles(Chem.MolToSmiles(changed))


@cache
def _pattern(smarts: str) -> Chem.Mol:
    return Chem.MolFromSmarts(smarts)
