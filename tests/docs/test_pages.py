"""Do the pages say what is true? Their Python runs, the files that they name are there, the words are plain."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_layers import LEVELS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = ("_build", "gallery", "reference")
PAGES = sorted(p for p in DOCS.rglob("*.md") if p.relative_to(DOCS).parts[0] not in GENERATED)
TEXTS = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")),
    *PAGES,
    *ROOT.glob("plugins/*/README.md"),
]
REPOSITORY = r"https://(?:github\.com|raw\.githubusercontent\.com)/rdkit-ebd/rdkit-ebd/(?:blob/|tree/)?main/([\w./-]+)"
BLOCK = re.compile(r"(?:<!-- (needs|not run): ([^\n]*) -->\n)?```python\n(.*?)```", re.DOTALL)
# Jargon that a reader has to decode.
NOT_PLAIN = re.compile(
    r"\b(told|tells of|refuse[sd]?|refusals?|gone on|goes on with|going on from|go on from|yardsticks?)\b",
    re.I,
)
OF_THE_INTERFACE = re.compile(r"REFUSED|keep\|enumerate\|refuse|stereo=\"refuse\"|`refuse`|--stereo refuse")
RUNNER = """
import json, sys, traceback
for page, code in json.load(sys.stdin):
    try:
        exec(compile(code, page, "exec"), {"__name__": page})
    except BaseException:
        traceback.print_exc()
        print(f"FAILED {page}")
    else:
        print(f"RAN {page}")
"""


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def code_of(page: Path) -> str:
    """The Python of a page in one piece; blocks that cannot run here are left out."""
    blocks = []
    for kind, what, code in BLOCK.findall(page.read_text()):
        here = kind != "needs" or importlib.util.find_spec(what.partition(".")[0]) is not None
        if kind != "not run" and here:
            blocks.append(code)
    return "\n".join(blocks)


PROGRAMS = {name(page): code for page in [ROOT / "README.md", *PAGES] if (code := code_of(page))}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the programs of all pages wrote, run one after the other in one process."""
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(list(PROGRAMS.items())),
        cwd=tmp_path_factory.mktemp("pages"),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", PROGRAMS)
def test_python_of_a_page_runs(page: str, said: str) -> None:
    assert f"RAN {page}\n" in said, said


def test_pages_have_python() -> None:
    assert {"README.md", "docs/quickstart.md", "docs/how-to/library.md", "docs/architecture/adding.md"} <= set(PROGRAMS)


def rows(page: Path, columns: int) -> list[list[str]]:
    """Cells of a page's tables with so many columns, the heads left out."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("|") and "---" not in line]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == columns][1:]


WHERE = rows(DOCS / "architecture" / "where.md", 3)


@pytest.mark.parametrize(("question", "file", "words"), WHERE)
def test_files_hold_what_the_architecture_page_says(question: str, file: str, words: str) -> None:
    text = (ROOT / file.strip("`")).read_text()
    assert [word for word in re.findall(r"`([^`]+)`", words) if word not in text] == []


def test_the_questions_are_asked() -> None:
    questions = " ".join(question for question, _, _ in WHERE)
    wanted = ("rotatable bonds", "clash judged", "seeds come", "symmetry of an RMSD", "provenance")
    wanted += ("add a potential", "add a generator", "add a check", "add a CLI command")
    assert [words for words in wanted if words not in questions] == []


def test_levels_are_those_that_are_checked() -> None:
    table = [row for row in rows(DOCS / "architecture" / "index.md", 2) if row[0].isdigit()]
    assert [set(re.findall(r"`(\w+)`", names)) for _, names in table] == list(LEVELS)


@pytest.mark.parametrize("text", TEXTS, ids=name)
def test_files_that_are_named_exist(text: Path) -> None:
    page = text.read_text()
    paths = [*re.findall(REPOSITORY, page), *re.findall(r"`((?:rdkit_ebd|tests|examples|docs)/[\w/.-]+\.\w+)`", page)]
    if text.parent.name == "architecture":
        paths += [f"rdkit_ebd/{path}" for path in re.findall(r"`((?!rdkit_ebd|tests|docs|examples)\w+/\w+\.py)`", page)]
    assert [path for path in paths if not (ROOT / path.rstrip("/")).exists()] == []


@pytest.mark.parametrize("text", TEXTS, ids=name)
def test_words_are_plain(text: Path) -> None:
    found = NOT_PLAIN.findall(OF_THE_INTERFACE.sub("", text.read_text()))
    assert found == []


def test_readme_stands_alone() -> None:
    page = (ROOT / "README.md").read_text()
    assert len(page.splitlines()) <= 160
    targets = re.findall(r"\]\(([^)]+)\)", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
    assert targets
    assert [target for target in targets if not target.startswith("https://")] == []
