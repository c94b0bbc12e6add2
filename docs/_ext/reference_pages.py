"""What can be called? Reference pages made from the package itself: public names, parameters, commands.

They are written into docs/reference before the pages are read, and only where they changed.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rdkit_ebd
from rdkit_ebd.params import FIELDS
from rdkit_ebd.report import FailureCause

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

# Headings of the API page, each with its names; a public name that none of them has comes under the last heading.
GROUPS = {
    "Embed one molecule": (
        *("EmbedMolecule", "EmbedMultipleConfs", "EmbedMoleculeEBD", "EmbedWithReport"),
        *("FragmentLayout", "EnumerateStereo", "MatchCore", "CoreMatch"),
    ),
    "Embed many molecules": ("EmbedMolecules", "StreamMolecules", "conformers_by_rotors"),
    "Files": ("read_molecules", "SDFWriter"),
    "Parameters": ("EBD",),
    "Refine, score, rank": (
        *("RefineConformers", "RefineWithReport", "ScoreConformers", "RelativeEnergies", "BoltzmannWeights"),
        *("SortConformers", "FilterEnergyWindow", "RankConformers", "Ranking"),
    ),
    "Compare conformers": (
        *("PruneConformers", "AlignConformers", "symmetry_mappings"),
        *("stereo_labels", "stereo_kept"),
    ),
    "Reports and provenance": (
        *("EmbedReport", "LibraryReport", "RefineReport", "FailureCause", "get_provenance", "set_provenance"),
    ),
    "Look": ("show",),
    "Models and data": ("available_models", "read_records"),
    "More": (),
}
GENERATED = "<!-- made by docs/_ext/reference_pages.py -->"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", spare_signs)
    app.connect("doctree-read", set_dashes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write the pages whose text is not what it was."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages = {"api": api_page(), "parameters": parameters_page(), "causes": causes_page(), "cli": cli_page()}
    for name, text in pages.items():
        page = folder / f"{name}.md"
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


def spare_signs(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Vertical bars in docstrings are absolute values, a word's last underscore is its own: neither is markup."""
    lines[:] = [line if ">>>" in line else _spared(line) for line in lines]


def _spared(line: str) -> str:
    parts = re.split(r"(`+[^`]*`+)", line)  # code has no markup but its ends
    return "".join(
        part if part.startswith("`") else re.sub(r"(?<=\w)(_)(?!\w)|(\|)", r"\\\g<0>", part) for part in parts
    )


def set_dashes(app: Sphinx, doctree: nodes.document) -> None:
    """A dash between a parameter and its meaning, and none where nothing follows."""
    from docutils import nodes

    for text in list(doctree.findall(nodes.Text)):
        if str(text) == " -- ":
            rest = text.parent.children[text.parent.index(text) + 1 :]
            last = not any(node.astext().strip() for node in rest)
            text.parent.replace(text, nodes.Text("" if last else " \N{EN DASH} "))


def api_page() -> str:
    """Every public name of `rdkit_ebd`, `rdkit_ebd.io` and `rdkit_ebd.viz`, with what its docstring says."""
    parts = [GENERATED, "# Python reference", PUBLIC]
    for heading, names in grouped(list(rdkit_ebd.__all__)).items():
        parts += [f"## {heading}", *(entry("rdkit_ebd", name) for name in names)]
    for module, heading in (("rdkit_ebd.io", "More on files"), ("rdkit_ebd.viz", "Pictures")):
        names = [name for name in import_module(module).__all__ if name not in rdkit_ebd.__all__]
        parts += [f"## {heading}: `{module}`", *(entry(module, name) for name in names)]
    return "\n\n".join(parts) + "\n"


PUBLIC = """All that is public is imported from `rdkit_ebd`, `rdkit_ebd.io` or `rdkit_ebd.viz`. Examples take
`from rdkit import Chem` and `from rdkit_ebd import *` for granted."""


def grouped(names: list[str]) -> dict[str, list[str]]:
    """Public names by heading, in the order of `GROUPS`; headings without names are left out."""
    named = {name for group in GROUPS.values() for name in group}
    rest = [name for name in names if name not in named and not name.startswith("__")]
    groups = {heading: [name for name in group if name in names] for heading, group in GROUPS.items()}
    groups["More"] += rest
    return {heading: group for heading, group in groups.items() if group}


def entry(module: str, name: str) -> str:
    """A directive for one name."""
    value = getattr(import_module(module), name)
    if getattr(value, "__name__", name) != name:
        return f"`{module}.{name}` is {{py:func}}`{module}.{value.__name__}` under another name."
    if inspect.isclass(value):
        # A signature of fifty parameters is no help; they have a page of their own.
        signature = "(**parameters)" if name == "EBD" else ""
        return directive(f"autoclass:: {module}.{name}{signature}", ":members:")
    kind = "autofunction" if inspect.isroutine(value) else "autodata"
    return directive(f"{kind}:: {module}.{name}")


def directive(head: str, *options: str) -> str:
    """reStructuredText within Markdown."""
    lines = "\n".join(f"   {option}" for option in options)
    return f"```{{eval-rst}}\n.. {head}\n{lines}\n```"


def parameters_page() -> str:
    """The table of `EBD`, in the order of the class."""
    parts = [GENERATED, "# Parameters: `EBD`", PARAMETERS]
    shared = [name for name in FIELDS if not FIELDS[name].metadata["coarse"] and name in RDKIT_NAMES]
    coarse = [name for name in FIELDS if FIELDS[name].metadata["coarse"]]
    ours = [name for name in FIELDS if name not in (*shared, *coarse)]
    for heading, names in (("RDKit's names, RDKit's meaning", shared), ("Ours", ours), ("Handed to RDKit", coarse)):
        rows = [f"| `{name}` | `{default_of(name)}` | {plain(FIELDS[name].metadata['help'])} |" for name in names]
        parts += [f"## {heading}", "\n".join(["| parameter | default | meaning |", "|---|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


PARAMETERS = """`rdkit_ebd.EBD()` holds everything that can be set. Every value is checked when it is set, and a name
that does not exist is an error that proposes the nearest one. `EBD.describe()` prints these tables. The last table is
for RDKit's distance geometry alone, which makes the seeds; its defaults are those of ETKDGv3."""


def _rdkit_names() -> frozenset[str]:
    from rdkit.Chem import rdDistGeom

    return frozenset(dir(rdDistGeom.EmbedParameters)) | {"coordMap"}


RDKIT_NAMES = _rdkit_names()


def default_of(name: str) -> str:
    """A default as it is typed."""
    field = FIELDS[name]
    made = field.default_factory
    return repr(field.default if made is dataclasses.MISSING else made())


def causes_page() -> str:
    """Every cause of failure, with what it means and what to try."""
    rows = [
        f"| `{cause.value}` | {plain(cause.meaning)} | {plain(cause.advice)} | {plain(cause.refinement_advice)} |"
        for cause in FailureCause
    ]
    head = ["| cause | what happened | where none was made, try | where none was refined, try |", "|---|---|---|---|"]
    return "\n\n".join([GENERATED, "# Causes of failure", CAUSES, "\n".join([*head, *rows])]) + "\n"


CAUSES = """`EmbedReport.failed` and `RefineReport.problems` have one of these for each conformer that is missing, and
`EmbedReport.failures` counts all that were met on the way. What RDKit's distance geometry counts while it makes seeds
has RDKit's own names beside these (`rdDistGeom.EmbedFailureCauses`)."""


def cli_page() -> str:
    """Every command with its help and options, those of the docking plugin among them."""
    from typer.main import get_command

    from rdkit_ebd.cli.app import app

    parts = [GENERATED, "# Command line reference", CLI]
    parts += list(command_parts(get_command(app), "rdkit-ebd", None, 2))
    return "\n\n".join(parts) + "\n"


CLI = """`rdkit-ebd COMMAND -h` prints what stands here. `rdkit-ebd --install-completion` lets the shell complete
commands and options. Exit codes: 0 all is well, 1 some molecules failed, 2 wrong usage, 130 interrupted."""


def command_parts(command: Any, name: str, parent: Any, depth: int) -> Iterator[str]:
    """A command, then those below it."""
    context = command.context_class(command, info_name=name, parent=parent, **command.context_settings)
    if parent is not None:
        yield f"{'#' * depth} {context.command_path}"
    yield f"```text\n{command.get_usage(context).strip()}\n```"
    if command.help:
        yield plain(inspect.cleandoc(command.help))
    records = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
    yield "\n".join(f"`{' '.join(option.split())}`\n: {plain(meaning) or '-'}\n" for option, meaning in records)
    if hasattr(command, "list_commands"):
        for below in command.list_commands(context):
            yield from command_parts(command.get_command(context, below), below, context, depth + 1 - (parent is None))


def plain(text: str) -> str:
    """Help text in which nothing is taken for markup; single line ends are blanks."""
    for sign in "\\*_<>|#":
        text = text.replace(sign, f"\\{sign}")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
