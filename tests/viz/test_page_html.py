"""Does a page hold what strangers wrote as data alone, and may its own scripts alone run?"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rdkit_ebd.viz.page_html import CDN, CDN_HASH, VARIABLE, Drawing, as_json, drawing, page_html

NASTY = (
    "</script><script>alert(1)</script><!--<img src=x onerror=\"alert('2')\">&lt;$data ${title} \u2028\u2029 \ud800 é"
)
FAKE = "window.$3Dmol = { createViewer() {} };"


class Tags(HTMLParser):
    """The tags of a page with their attributes, and the texts of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.title = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag == "script" and data.strip():
            self.scripts.setdefault(attributes.get("id") or "page", data)
        if tag == "title" and not self.title:
            self.title = data


def parts(drawn: Drawing = Drawing()) -> Tags:  # noqa: B008
    return Tags(page_html(NASTY, {"molecules": [{"name": NASTY, NASTY: [NASTY]}]}, drawn))


def test_what_strangers_write_stays_data() -> None:
    page, plain = parts(), Tags(page_html("x", {}, Drawing()))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert [set(attributes) for _, attributes in page.tags] == [set(attributes) for _, attributes in plain.tags]
    assert page.title == NASTY
    read = json.loads(page.scripts["data"])
    assert read["molecules"] == [{"name": NASTY, NASTY: [NASTY]}]
    assert page.scripts["page"] == plain.scripts["page"]


def test_data_have_no_sign_that_html_reads() -> None:
    text = as_json([NASTY])
    assert text.isascii()
    assert re.search("[<>&]", text) is None
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json([float("nan")])


def test_the_page_makes_no_markup_of_texts() -> None:
    script = parts().scripts["page"]
    assert re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script) is None


@pytest.mark.parametrize("drawn", [Drawing(), Drawing(script=FAKE), Drawing(address=CDN)])
def test_the_policy_names_the_scripts_and_nothing_else(drawn: Drawing) -> None:
    page = parts(drawn)
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy") or ""
    allowed = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    hashes = [base64.b64encode(hashlib.sha256(page.scripts["page"].encode()).digest()).decode()]
    if drawn.script:
        assert page.scripts["drawing"] == FAKE
        hashes.append(base64.b64encode(hashlib.sha256(FAKE.encode()).digest()).decode())
    expected = [f"'sha256-{digest}'" for digest in hashes] + [CDN] * bool(drawn.address)
    assert allowed["script-src"].split() == expected
    assert allowed["default-src"] == "'none'"
    assert "connect-src" not in allowed
    loaded = [attributes for _, attributes in page.tags if attributes.get("src")]
    assert loaded == (
        [{"id": "drawing", "async": None, "src": CDN, "integrity": CDN_HASH, "crossorigin": "anonymous"}]
        if drawn.address
        else []
    )


def test_an_installed_3dmol_goes_into_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "node_modules" / "3dmol" / "build" / "3Dmol-min.js"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"/* a licence */\r\n" + FAKE.encode())
    monkeypatch.chdir(tmp_path)  # what lies in the working folder may be a stranger's: it is not taken
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("NODE_PATH", raising=False)
    assert FAKE not in drawing("auto").script
    monkeypatch.setenv("NODE_PATH", str(tmp_path / "node_modules"))
    assert drawing("auto") == Drawing(script=f"/* a licence */\n{FAKE}")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.js"))
    with pytest.raises(OSError, match=r"none\.js"):
        drawing("auto")
    assert drawing("cdn").address == CDN
    assert drawing("none") == Drawing()


@pytest.mark.parametrize(
    ("text", "said"),
    [("alert(1)", "is not 3Dmol.js"), (FAKE + "'</SCRIPT>'", "would end it"), (FAKE + "<!--", "would end it")],
)
def test_scripts_that_cannot_be_in_a_page_are_named(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "other.js"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        drawing(file)
