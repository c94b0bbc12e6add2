"""Does a click in a real browser change what is shown, and does nothing that strangers wrote run?"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, browser_path
from helpers import embedded
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from rdkit_ebd import show
from rdkit_ebd.viz.page_html import VARIABLE

pytestmark = pytest.mark.skipif(browser_path() is None, reason="there is no Chromium")

NASTY = '</script><script>window.ran = 1</script><img src=x onerror="window.ran = 2">\'"`${window.ran = 3}`'
CAPTION = "document.getElementById('caption').textContent"
SELECTED = "[...document.querySelectorAll('#rows tr')].findIndex((row) => row.ariaSelected === 'true')"
PIXELS = "document.getElementById('canvas').toDataURL()"
# What is saved, in place of a file: the text of the blob whose address is made.
SAVED = "URL.createObjectURL = (blob) => { window.saved = blob.text(); return '#'; }"


@pytest.fixture(scope="module")
def mols() -> list[Chem.Mol]:
    first, second = embedded("captopril", 4), embedded("aspirin", 2)
    first.SetProp("_Name", NASTY)
    first.SetProp(f"field {NASTY}", NASTY)
    second.SetProp("_Name", "aspirin")
    return [first, second]


@pytest.fixture(scope="module")
def page(mols: list[Chem.Mol], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "page.html"
    show(mols, file, script="none")
    return file


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(running: Browser, page: Path) -> Browser:
    running.events.clear()
    running.open(page)
    return running


def errors(browser: Browser) -> list[str]:
    browser.value("0")  # what happened until now has been heard
    return [str(e) for e in browser.events if e["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]


def test_a_click_changes_what_is_shown(browser: Browser, mols: list[Chem.Mol]) -> None:
    assert browser.value("document.querySelectorAll('#rows tr').length") == 4
    assert (browser.value(SELECTED), browser.value(CAPTION)[-6:]) == (0, "1 of 4")
    before = browser.value(PIXELS)
    browser.click("#rows tr:nth-child(3)")
    label = browser.value("document.querySelector('#rows tr:nth-child(3) td').textContent")
    assert browser.value(SELECTED) == 2
    assert browser.value(CAPTION).startswith(f"conformer {label} ")
    assert browser.value(PIXELS) != before
    browser.click("#rows tr:nth-child(1)")
    assert browser.value(PIXELS) == before
    assert errors(browser) == []


def test_wheels_show_the_torsions_and_their_dots_choose(browser: Browser, mols: list[Chem.Mol]) -> None:
    names = browser.value("[...document.querySelectorAll('#wheels figcaption')].map((f) => f.firstChild.textContent)")
    assert len(names) > 2
    hand = "document.querySelector('#wheels .hand').getAttribute('transform')"
    atoms = [int(word.lstrip("CNOS")) for word in names[0].split("-")]
    seen = set()
    for row in (0, 3):
        browser.value(f"document.querySelector('#wheels [data-row=\"{row}\"]').dispatchEvent(new Event('click'))")
        assert browser.value(SELECTED) == row
        label = int(browser.value(f"document.querySelector('#rows tr:nth-child({row + 1}) td').textContent"))
        expected = rdMolTransforms.GetDihedralDeg(mols[0].GetConformer(label), *atoms)
        assert float(browser.value(hand).removeprefix("rotate(").rstrip(")")) == pytest.approx(expected, abs=0.1)
        seen.add(browser.value(hand))
    assert len(seen) == 2
    assert browser.value("document.querySelectorAll('#wheels figure:first-child circle[data-row]').length") == 4
    browser.click("#wheels figure:nth-child(2) circle[data-row='0']")  # the lowest is painted last
    assert browser.value(SELECTED) == 0


def test_the_boxes_change_the_drawing(browser: Browser) -> None:
    seen = [browser.value(PIXELS)]
    for box in ("#overlay", "#hydrogens"):
        browser.click(box)
        seen.append(browser.value(PIXELS))
    assert len(set(seen)) == 3


def test_another_molecule_has_its_own_table(browser: Browser) -> None:
    assert browser.value("[...document.querySelectorAll('#molecules option')].map((o) => o.textContent)") == [
        NASTY.strip(),
        "aspirin",
    ]
    before = browser.value(PIXELS)
    browser.value(
        "(s => { s.selectedIndex = 1; s.dispatchEvent(new Event('change')); })(document.querySelector('select'))"
    )
    assert browser.value("document.querySelectorAll('#rows tr').length") == 2
    assert browser.value(PIXELS) != before


def test_without_energies_there_is_no_scale(browser: Browser, mols: list[Chem.Mol], tmp_path: Path) -> None:
    height = "document.getElementById('scale').offsetHeight"
    assert browser.value(height) > 0
    show(Chem.RemoveHs(mols[1]), tmp_path / "bare.html", script="none")
    browser.open(tmp_path / "bare.html")
    assert browser.value(height) == 0
    assert "hydrogens are missing" in browser.value("document.getElementById('notes').textContent")


def test_keys_and_dragging_turn_the_molecule(browser: Browser) -> None:
    seen = [browser.value(PIXELS)]
    browser.value("document.getElementById('canvas').focus()")
    for key in ["ArrowRight"] * 3 + ["ArrowLeft"] * 3:
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        browser.call("Input.dispatchKeyEvent", type="keyUp", key=key)
        seen.append(browser.value(PIXELS))
    assert len(set(seen[:4])) == 4
    place = browser.value(
        "(r => [r.x + r.width / 2, r.y + r.height / 2])(document.getElementById('canvas').getBoundingClientRect())"
    )
    for kind, step in (("mousePressed", 0), ("mouseMoved", 40), ("mouseReleased", 40)):
        where = {"x": place[0] + step, "y": place[1], "button": "left", "buttons": 1, "clickCount": 1}
        browser.call("Input.dispatchMouseEvent", type=kind, **where)
    assert browser.value(PIXELS) not in seen


def test_playing_goes_through_the_conformers_until_it_is_stopped(browser: Browser) -> None:
    browser.click("#play")
    browser.wait_for(f"{SELECTED} === 1")
    browser.wait_for(f"{SELECTED} === 2")
    browser.click("#play")
    stopped = browser.value(SELECTED)
    time.sleep(1.2)  # longer than a step
    assert browser.value(SELECTED) == stopped
    assert browser.value("document.getElementById('play').textContent") == "Play"


def test_the_records_are_saved(browser: Browser, mols: list[Chem.Mol]) -> None:
    browser.value(SAVED)
    browser.click("#save-all")
    text = browser.value("window.saved")
    assert text.count("$$$$") == 4
    browser.click("#rows tr:nth-child(2)")
    browser.click("#save-one")
    one = browser.value("window.saved")
    assert one.count("$$$$") == 1
    assert one in text
    label = int(browser.value("document.querySelector('#rows tr:nth-child(2) td').textContent"))
    record = Chem.MolFromMolBlock(one, removeHs=False)
    apart = record.GetConformer().GetPositions() - mols[0].GetConformer(label).GetPositions()
    assert abs(apart).max() < 1e-3


def test_nothing_that_strangers_wrote_runs(browser: Browser) -> None:
    browser.click("#rows tr:nth-child(2)")
    assert browser.value("typeof window.ran") == "undefined"
    assert browser.value("document.querySelectorAll('img').length") == 0
    assert browser.value("document.scripts.length") == 2
    assert errors(browser) == []


def test_the_policy_stops_a_script_that_came_in_all_the_same(browser: Browser, page: Path, tmp_path: Path) -> None:
    other = tmp_path / "broken.html"
    other.write_text(page.read_text().replace("<main>", f"{NASTY}<main>"))
    browser.open(other)
    assert browser.value("document.querySelectorAll('img').length") == 1  # the markup is there
    assert browser.value("typeof window.ran") == "undefined"
    refused = " ".join(errors(browser))
    assert "Content Security Policy" in refused
    assert browser.value(CAPTION)[-6:] == "1 of 4"


def test_a_page_whose_3dmol_does_not_come_draws_by_itself(
    browser: Browser, mols: list[Chem.Mol], tmp_path: Path
) -> None:
    show(mols, tmp_path / "cdn.html", script="cdn")
    browser.open(tmp_path / "cdn.html")
    assert "has not come" in browser.value("document.getElementById('drawer').textContent")
    before = browser.value(PIXELS)
    browser.click("#rows tr:nth-child(2)")
    assert browser.value(PIXELS) != before


@pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"{VARIABLE} names no 3Dmol.js")
def test_3dmol_draws_where_it_is(mols: list[Chem.Mol], tmp_path: Path) -> None:
    show(mols, tmp_path / "page.html", script="auto")
    with Browser(tmp_path, webgl=True) as browser:
        browser.open(tmp_path / "page.html")
        assert "Drawn by 3Dmol.js" in browser.value("document.getElementById('drawer').textContent")
        browser.click("h1")
        before = browser.picture()
        browser.click("#rows tr:nth-child(2)")
        assert browser.value(SELECTED) == 1
        assert browser.picture() != before
        assert errors(browser) == []
    with Browser(tmp_path / "flat") as browser:
        browser.open(tmp_path / "page.html")
        assert "(no WebGL)" in browser.value("document.getElementById('drawer').textContent")
        before = browser.value(PIXELS)
        browser.click("#rows tr:nth-child(2)")
        assert browser.value(PIXELS) != before
