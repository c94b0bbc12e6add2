"""Is everything that can be called on the reference pages, which are made from the package?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import call

import rdkit_ebd
import rdkit_ebd.io
import rdkit_ebd.viz
from rdkit_ebd.params import FIELDS
from rdkit_ebd.report import FailureCause

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))
import reference_pages


def test_every_public_name_is_explained() -> None:
    page = reference_pages.api_page()
    assert [name for name in rdkit_ebd.__all__ if not name.startswith("__") and f"rdkit_ebd.{name}" not in page] == []
    for module in (rdkit_ebd.io, rdkit_ebd.viz):
        assert [name for name in module.__all__ if f".{name}" not in page] == []


def test_names_have_headings() -> None:
    grouped = {name for names in reference_pages.GROUPS.values() for name in names}
    assert grouped <= set(rdkit_ebd.__all__)


def test_every_parameter_is_in_one_table() -> None:
    page = reference_pages.parameters_page()
    assert [name for name in FIELDS if page.count(f"| `{name}` |") != 1] == []


def test_every_cause_has_its_row() -> None:
    page = reference_pages.causes_page()
    assert [cause.value for cause in FailureCause if f"| `{cause.value}` |" not in page] == []


@pytest.mark.parametrize("command", ["embed", "train prepare", "models show", "dock-prep"])
def test_commands_and_their_options_are_listed(command: str) -> None:
    page = reference_pages.cli_page()
    assert f" rdkit-ebd {command}\n" in page
    options = [word for word in call(*command.split(), "-h").stdout.split() if word.startswith("--")]
    assert options
    assert [option for option in options if option.rstrip(",.") not in page] == []


def test_markup_in_help_is_text() -> None:
    assert reference_pages.plain("ebd_* <n>|x\nnext") == r"ebd\_\* \<n\>\|x next"
