"""Are molecules cut as the published tokeniser cuts them, and is a vocabulary learned in its way of its kind?"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import DRUGS, with_hydrogens
from rdkit import Chem

from rdkit_ebd.chem.fragments import Vocabulary, assign_fragments, learn_vocabulary
from rdkit_ebd.chem.published_fragments import ELEMENTS

MEASURED: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "published" / "fragments.json.gz").read_bytes())
)
ENTRIES = [line.split("\t") for line in MEASURED["vocabulary"].splitlines()[1:]]
TABLE = Vocabulary(50, tuple(e[0] for e in ENTRIES), tuple(int(e[2]) for e in ENTRIES), "published")


def parts(assignment: np.ndarray) -> list[list[int]]:
    return sorted(np.flatnonzero(assignment == k).tolist() for k in range(assignment.max() + 1))


@pytest.mark.parametrize("charged", [False, True])
def test_molecules_are_cut_as_measured(charged: bool) -> None:
    molecules = [m for m in MEASURED["molecules"] if m["charged"] == charged]
    assert len(molecules) > 10
    for measured in molecules:
        mol = Chem.AddHs(Chem.MolFromSmiles(measured["smiles"]))
        assert parts(assign_fragments(mol, TABLE)) == sorted(map(sorted, measured["fragments"])), measured["smiles"]


def test_charges_count() -> None:
    neutral, charged = (Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in ("CCN", "CC[NH3+]"))
    plain = Vocabulary(50, ("C", "[H]N"), (9, 5), "published")
    assert len(parts(assign_fragments(neutral, plain))) == neutral.GetNumAtoms() - 1
    assert len(parts(assign_fragments(charged, plain))) == charged.GetNumAtoms()
    assert len(parts(assign_fragments(charged, TABLE))) < charged.GetNumAtoms()


def test_a_vocabulary_learned_their_way_has_thirteen_elements_and_falls_in_frequency() -> None:
    mols = [with_hydrogens(name) for name in DRUGS]
    learned = learn_vocabulary(mols, 50, replay="published")
    assert (len(learned), learned.fragments[:13], learned.replay) == (50, ELEMENTS, "published")
    counts = dict(zip(learned.fragments, learned.counts, strict=True))
    assert counts["Se"] == 0
    assert counts["H"] == sum(atom.GetSymbol() == "H" for mol in mols for atom in mol.GetAtoms())
    assert learned.fragments[13] == "[H]C"
    assert list(learned.counts[13:]) == sorted(learned.counts[13:], reverse=True)
    assert all(Chem.MolFromSmiles(key, sanitize=False).GetNumAtoms() > 1 for key in learned.fragments[13:])
    used = {len(part) for mol in mols for part in parts(assign_fragments(mol, learned))}
    assert max(used) > 5
    assert learn_vocabulary(mols, 30, replay="published") == learned.truncate(30)
    with pytest.raises(ValueError, match="13"):
        learn_vocabulary(mols, 12, replay="published")


def test_the_way_of_cutting_is_kept() -> None:
    assert Vocabulary.from_dict(json.loads(json.dumps(TABLE.to_dict()))) == TABLE
    ours = Vocabulary(2, ("C", "CC"), (2, 1))
    assert "replay" not in ours.to_dict()
    assert Vocabulary.from_dict(ours.to_dict()) == ours
    with pytest.raises(ValueError, match="canonical"):
        Vocabulary.from_dict({**ours.to_dict(), "replay": "backwards"})
