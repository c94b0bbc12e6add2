"""Do molecules with rare surroundings come first, and does what was chosen count?"""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from helpers import with_hydrogens
from rdkit import Chem

from rdkit_ebd.train.data_prep.coverage import ENOUGH, Candidate, by_coverage, environments
from rdkit_ebd.train.data_prep.groups import GROUPS, SMARTS, atom_count, groups_of


def candidate(smiles: str, group: str = "any") -> Candidate:
    mol = Chem.MolFromSmiles(smiles)
    return Candidate(smiles, group, environments(mol), atom_count(mol))


def test_environments_are_those_of_heavy_atoms_with_their_neighbours() -> None:
    found = environments(Chem.MolFromSmiles("CC(=O)[O-]"))
    assert ("O", -1, "SP2", "0", ("C",)) in found
    assert ("C", 0, "SP3", "0", ("C", "H", "H", "H")) in found
    assert len(found) == 4
    [benzene] = environments(Chem.MolFromSmiles("c1ccccc1"))
    assert benzene == ("C", 0, "SP2", "aromatic 6", ("C", "C", "H"))


@pytest.mark.parametrize("smiles", ["aspirin", "nicotine", "C[N+](C)(C)C"])
def test_explicit_hydrogens_change_nothing(smiles: str) -> None:
    mol = with_hydrogens(smiles)
    assert environments(mol) == environments(Chem.RemoveHs(mol))


def test_what_is_known_comes_last_and_what_is_rare_first() -> None:
    pool = [candidate("C" * n) for n in range(6, 30)] + [candidate("CCN=[N+]=[N-]")] * 20
    known = Counter(dict.fromkeys(candidate("CCCCCC").environments, ENOUGH))
    first = next(by_coverage({"any": pool}, known, lambda one: True))
    assert first.smiles == "CCN=[N+]=[N-]"
    enough = Counter({e: ENOUGH for one in pool for e in one.environments})
    sizes = [one.atoms for one in by_coverage({"any": pool}, enough, lambda one: True)]
    assert sizes == sorted(sizes)  # all known: the cheap ones first


def test_what_was_chosen_counts() -> None:
    pool = [candidate("CCCl")] * 60 + [candidate("CCCBr")] * 60
    chosen = [one.smiles for one in islice(by_coverage({"any": pool}, {}, lambda one: True), 20)]
    assert {"CCCl", "CCCBr"} == set(chosen)


def test_groups_take_turns_by_their_shares_and_nothing_comes_twice() -> None:
    pools = {name: [candidate("C" * n, name) for n in range(1, 21)] for name in ("a", "b")}
    chosen = list(by_coverage(pools, {}, lambda one: True, shares={"a": 3.0}))
    assert len(chosen) == 40
    early = Counter(one.group for one in chosen[:12])
    assert early["a"] > 2 * early["b"] > 0
    accepted = list(by_coverage(pools, {}, lambda one: one.group == "b"))
    assert Counter(one.group for one in accepted) == {"b": 20}


def test_the_order_is_reproducible() -> None:
    pool = [candidate("C" * n) for n in range(1, 15)]
    runs = [list(by_coverage({"any": pool}, {}, lambda one: True, seed=3)) for _ in range(2)]
    assert runs[0] == runs[1]


def test_every_smarts_parses_and_finds_its_own() -> None:
    assert [name for name, smarts in SMARTS.items() if Chem.MolFromSmarts(smarts) is None] == []
    assert set(groups_of(Chem.MolFromSmiles("CCN=[N+]=[N-]"))) == {"any", "small", "azide"}
    assert {"decalin", "saturated ring"} <= set(groups_of(Chem.MolFromSmiles("C1CCC2CCCCC2C1")))
    assert "macrocycle" in groups_of(Chem.MolFromSmiles("C1CCCCCCCCCCC1"))
    assert "flexible" in groups_of(Chem.MolFromSmiles("CCCCCCCCCCCC"))
    assert len(set(GROUPS)) == len(GROUPS)
