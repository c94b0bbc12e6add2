"""Which molecules are in no list often enough? Peptides, rings, sugars, crowded biaryls and ions, put together here."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import product

from rdkit import Chem

_RESIDUES = (
    *("NCC(=O)", "N[C@@H](C)C(=O)", "N[C@H](C)C(=O)", "N[C@@H](C(C)C)C(=O)", "N[C@@H](CC(C)C)C(=O)"),
    *("N[C@@H](Cc9ccccc9)C(=O)", "N8CCC[C@H]8C(=O)", "N8CCC[C@@H]8C(=O)", "N[C@@H](CO)C(=O)", "N[C@@H](CS)C(=O)"),
    *("N[C@@H]([C@H](O)C)C(=O)", "N[C@@H](CCSC)C(=O)", "N[C@@H](CC(=O)O)C(=O)", "N[C@@H](CC(N)=O)C(=O)"),
    *("N[C@@H](Cc9ccc(O)cc9)C(=O)", "N[C@@H](Cc9c[nH]c7ccccc79)C(=O)", "N[C@@H](Cc9c[nH]cn9)C(=O)"),
    *("N[C@@H](CCCCN)C(=O)", "N(C)[C@@H](C)C(=O)", "NC(C)(C)C(=O)", "NCCC(=O)"),
)
_LINKS = (  # of rings that are otherwise chains of CH2
    *("C(=O)N", "C(=O)O", "C(=O)", "N(C)", "O", "S", "SS", "C(=O)N(C)", "C=C", "C#C", "S(=O)(=O)N", "[Si](C)(C)O"),
    *("c9ccccc9", "COC", "CNC"),
)
_BASES = ("n5ccc(=O)[nH]c5=O", "n5cc(C)c(=O)[nH]c5=O", "n5ccc(N)nc5=O", "n5cnc6c(N)ncnc56", "n5cnc6c(=O)[nH]c(N)nc56")
_RINGS = (
    *(
        "C1CCCCC1",
        "C1CCOCC1",
        "C1CCNCC1",
        "C1CCSCC1",
        "C1COCO1",
        "C1CCCC1",
        "C1CCCCCC1",
        "C1CNCCN1",
        "C1COCCN1",
        "C1CCC1",
    ),
    *("O=C1CCCCC1", "C1CC=CCC1", "C1CCCCCCC1", "O=S1CCCCC1", "C[Si]1(C)CCCCC1", "C1COCCO1", "C1CSCCS1", "O=C1CCCCN1"),
)
_ON_RINGS = (
    *("C", "O", "OC", "F", "Cl", "Br", "N", "C#N", "C(=O)OC", "CC", "C(C)C", "C(C)(C)C", "S", "[Si](C)(C)C"),
    *("c1ccccc1", "NC(C)=O", "C(F)(F)F"),
)
_ORTHO = ("", "", "(Cl)", "(Br)", "(F)", "(I)", "(C)", "(OC)", "(C(F)(F)F)")
_FJORDS = (
    *("c1ccc2c(c1)ccc1ccc3ccccc3c12", "c1ccc2c(c1)ccc1[nH]c3ccc4ccccc4c3c12", "c1ccc2c(c1)ccc1oc3ccccc3c12"),
    *("c1ccc2c(c1)Sc1ccccc1C2=CCCN(C)C", "c1ccc2ncc3ccccc3c2c1", "c1cccc2c1c1ccccc1c1ccccc12"),
    *(
        "c1ccc(cc1)-c1ccccc1-c1ccccc1",
        "c1ccc2c(c1)cccc2-c1cccc2ccccc12",
        "c1ccc2c(c1)C(=C1c3ccccc3Sc3ccccc31)c1ccccc1S2",
    ),
)
_ON_FJORDS = ("F", "Cl", "Br", "I", "C", "N", "O")
_ACID = Chem.MolFromSmarts("C(=O)[OH]")
_AMINE = Chem.MolFromSmarts("[NX3;!$(N-[!#6;!#1]);!$(N-C=[O,N,S]);!$(N-[c,$(C=C)]);!$(N-C#N);!$(N=*)]")


def peptides(rng: random.Random) -> Iterator[str]:
    """Capped and free chains of one to four residues."""
    while True:
        chain = "".join(rng.choices(_RESIDUES, k=rng.choice((1, 2, 2, 3, 3, 4))))
        yield "CC(=O)" + chain + rng.choice(("NC", "N", "O", "OC"))


def cyclic_peptides(rng: random.Random) -> Iterator[str]:
    """Rings of two to seven residues."""
    while True:
        chain = "".join(rng.choices(_RESIDUES, k=rng.choice((2, 3, 4, 4, 5, 5, 6, 7))))
        yield "N%11" + chain[1 : -len("(=O)")] + "%11(=O)"


def medium_rings(rng: random.Random) -> Iterator[str]:
    """Rings of 6 to 25: lactams, lactones, crown ethers, disulfides, alkynes, with one link or two, some branched."""
    while True:
        first, second = rng.randrange(2, 9), rng.randrange(2, 9)
        branch = rng.choice(("", "", "C(C)", "C(O)"))
        yield "C1" + "C" * first + branch + rng.choice((*_LINKS, "")) + "C" * second + rng.choice(_LINKS) + "1"


def sugars(rng: random.Random) -> Iterator[str]:
    """Hexoses, deoxy and amino sugars, uronic acids, furanosides and nucleosides, of any configuration."""
    while True:
        a, b, c, d, e = rng.choice(list(product(("@", "@@"), repeat=5)))
        head = rng.choice(("OC", "C", "OC(=O)"))
        ring = f"{head}[C{a}H]1O[C{b}H]({rng.choice(('O', 'OC'))})[C{c}H]({rng.choice(('O', 'O', 'NC(C)=O'))})"
        pyranose = f"{ring}[C{d}H](O)[C{e}H]1O"
        base = rng.choice((*_BASES, "OC"))
        nucleoside = f"OC[C{a}H]1O[C{b}H]({base}){rng.choice((f'[C{c}H](O)', 'C'))}[C{d}H]1O"
        yield rng.choice((pyranose, nucleoside))


def crowded_biaryls(rng: random.Random) -> Iterator[str]:
    """Two benzene rings, joined directly or by one atom, with up to eight groups, three of them halogens at least."""
    while True:
        at = [rng.choice(_ORTHO) for _ in range(8)]
        if sum(group in ("(Cl)", "(Br)", "(I)", "(F)") for group in at) >= 3:
            link = rng.choice(("-", "-", "-O", "-C(=O)", "-N", "-S", "-C"))
            yield f"c1c{at[0]}c{at[1]}c{at[2]}c{at[3]}c1{link}c1c{at[4]}c{at[5]}cc{at[6]}c1{at[7]}"


def fjords(rng: random.Random) -> Iterator[str]:
    """Helicenes and other crowded aromatics, with none to two groups."""
    while True:
        core = Chem.MolFromSmiles(rng.choice(_FJORDS))
        places = [
            a.GetIdx() for a in core.GetAtoms() if a.GetSymbol() == "C" and a.GetIsAromatic() and a.GetTotalNumHs()
        ]
        yield Chem.MolToSmiles(_decorated(core, places, _ON_FJORDS, rng.choice((0, 1, 1, 2)), rng))


def saturated_rings(rng: random.Random) -> Iterator[str]:
    """Rings of four to eight with one to three groups: chairs, boats and twists."""
    while True:
        core = Chem.MolFromSmiles(rng.choice(_RINGS))
        places = [a.GetIdx() for a in core.GetAtoms() if a.GetSymbol() == "C" and a.IsInRing() and a.GetTotalNumHs()]
        yield Chem.MolToSmiles(_decorated(core, places, _ON_RINGS, rng.choice((1, 2, 2, 3)), rng))


MADE: dict[str, Callable[[random.Random], Iterator[str]]] = {
    "peptide": peptides,
    "cyclic peptide": cyclic_peptides,
    "medium ring": medium_rings,
    "sugar or nucleoside": sugars,
    "crowded biaryl": crowded_biaryls,
    "fjord": fjords,
    "saturated ring": saturated_rings,
}


def ion_of(mol: Chem.Mol) -> Chem.Mol | None:
    """The carboxylate of an acid, or the ammonium ion of an amine; None of anything else."""
    changed = Chem.RWMol(mol)
    if match := mol.GetSubstructMatch(_ACID):
        oxygen = changed.GetAtomWithIdx(match[2])
        oxygen.SetFormalCharge(-1)
        oxygen.SetNumExplicitHs(0)
    elif match := mol.GetSubstructMatch(_AMINE):
        nitrogen = changed.GetAtomWithIdx(match[0])
        nitrogen.SetFormalCharge(1)
        nitrogen.SetNumExplicitHs(nitrogen.GetTotalNumHs() + 1)
    else:
        return None
    return Chem.MolFromSmiles(Chem.MolToSmiles(changed))


def _decorated(core: Chem.Mol, places: list[int], groups: tuple[str, ...], count: int, rng: random.Random) -> Chem.Mol:
    """A molecule with so many groups in place of hydrogens."""
    grown = Chem.RWMol(core)
    for place in rng.sample(places, min(count, len(places))):
        first = grown.GetNumAtoms()
        grown.InsertMol(Chem.MolFromSmiles(rng.choice(groups)))
        grown.AddBond(place, first, Chem.BondType.SINGLE)
    Chem.SanitizeMol(grown)
    return grown.GetMol()
