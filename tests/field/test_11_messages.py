"""Do messages name what is wrong and what is right, in the words of whoever reads them?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import call
from helpers import embedded, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDepictor

from rdkit_ebd import EBD, EmbedMolecules, EmbedMultipleConfs, EmbedWithReport


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"seed": 1}, "Did you mean 'randomSeed'"),
        ({"n_confs": 1}, "numConfs is an argument of the functions"),
        ({"maxAttempt": 1}, "maxAttempts"),
        ({"refine": "gfn2xtb"}, "did you mean 'GFN2-xTB'"),
        ({"refine": "MMFF95"}, "did you mean 'MMFF94'"),
        (
            {"coordMap": {0: (float("nan"), 0, 0)}},
            r"coordMap\[0\] must be three finite coordinates .* not \(nan, 0, 0\)",
        ),
    ],
)
def test_wrong_words_suggest_the_right_ones(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        EmbedMultipleConfs(with_hydrogens("CCO"), 1, **keywords)


def test_parameters_know_what_belongs_to_the_functions() -> None:
    with pytest.raises(TypeError, match="numConfs is an argument of the functions"):
        EBD(numConfs=3)  # type: ignore[call-arg]


def test_what_pandas_has_for_a_missing_molecule_costs_itself_alone() -> None:
    pandas = pytest.importorskip("pandas")
    mols = [with_hydrogens("CCO"), float("nan"), None, pandas.NA]
    report = EmbedMolecules(mols, 1, workers=0, randomSeed=1)
    assert [own.ok for own in report.reports] == [True, False, False, False]


def test_drawings_and_broken_coordinates_are_no_seeds() -> None:
    flat = with_hydrogens("paracetamol")
    rdDepictor.Compute2DCoords(flat)
    with pytest.raises(ValueError, match=r"conformers \[0\] are drawings in two dimensions"):
        EmbedWithReport(flat, 1, coarse="conformers")
    broken = embedded("paracetamol")
    coords = broken.GetConformer().GetPositions()
    coords[3] = np.nan
    broken.GetConformer().SetPositions(coords)
    with pytest.raises(ValueError, match=r"conformers \[0\] have coordinates that are no numbers"):
        EmbedWithReport(broken, 1, coarse="conformers")
    assert EmbedMultipleConfs(embedded("c1ccccc1"), 1, coarse="conformers", randomSeed=1) == [0]


def test_the_command_line_speaks_no_python(tmp_path: Path) -> None:
    source, out = tmp_path / "flat.sdf", tmp_path / "out.sdf"
    source.write_text(Chem.MolToMolBlock(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1")) + "$$$$\n")
    for words in (["score"], ["refine"], ["rank"], ["embed", "-n", 1, "--coarse", "conformers"]):
        said = " ".join(call(*words, source, "-o", out).stderr.split())
        assert "record 1" in said
        assert not any(word in said for word in ("mol,", "Chem.", "='", "None", "True"))
