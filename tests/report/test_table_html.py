"""Does a notebook get a table of a report, with all that is in it and nothing that runs?"""

from __future__ import annotations

from html.parser import HTMLParser

from helpers import embedded, with_hydrogens
from rdkit import Chem

from rdkit_ebd import EmbedMolecules, EmbedWithReport, RankConformers, RefineWithReport
from rdkit_ebd.report.table_html import MOST_ROWS, table_html


class Cells(HTMLParser):
    """Texts of cells, and the tags there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_every_report_is_a_table() -> None:
    mol = Chem.Mol(embedded("captopril", 3))
    reports = [
        RankConformers(mol, "UFF"),
        RefineWithReport(mol, "UFF"),
        EmbedWithReport(with_hydrogens("CCO"), 2, randomSeed=1),
        EmbedMolecules([with_hydrogens("CCO"), None], 1, workers=0),
    ]
    for report in reports:
        cells = Cells(report._repr_html_())
        assert cells.tags.count("table") == 1
        assert cells.tags.count("tr") == len(report.rows()) + 1
    ranking = Cells(reports[0]._repr_html_())
    assert "relative energy" in ranking.texts
    assert f"{reports[0].energies[0]:.4g}" in ranking.texts
    assert "2 of 2 conformers in" in reports[2]._repr_html_()


def test_texts_stay_texts_and_tables_are_bounded() -> None:
    nasty = '<script>alert(1)</script><img src=x onerror="x">'
    rows = [{"a": nasty, "b": float("nan"), "c": None, "d": True}] * (MOST_ROWS + 3)
    cells = Cells(table_html(["a", "b", "c", "d"], rows, nasty))
    assert not {"script", "img"} & set(cells.tags)
    assert nasty in cells.texts
    assert cells.tags.count("th") == 2  # what is empty everywhere is left out
    assert cells.tags.count("tr") == MOST_ROWS + 1
    assert f"{MOST_ROWS} of {MOST_ROWS + 3} rows" in "".join(cells.texts)
