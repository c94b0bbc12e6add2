"""How do the examples become a gallery? In an order of their own, with a picture each, and those that they write."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import Draw
from sphinx_gallery.scrapers import figure_rst

# Run while the site is built. The others need a minute or an optional package, and are only shown; the tests run them.
RUN = ("quickstart", "drop_in", "constrained_core", "watch_it_happen", "shape_search")
SHOWN = (
    "refine_and_rank",
    "dft_input",
    "library_resume",
    "docking_prep",
    "mdtraj_clusters",
    "openff_workflow",
    "train_on_your_sdf",
    "paper_figures",
)
ORDER = (*RUN, *SHOWN, "demo")
_SMILES = re.compile(r'"([A-Za-z0-9@+\-\[\]()=#\\/]{12,})"')


class Order:
    """Sorts the examples: first steps first, what is not listed last."""

    def __init__(self, src_dir: str) -> None:
        self.src_dir = src_dir

    def __call__(self, filename: str) -> tuple[int, str]:
        """The place of an example."""
        stem = Path(filename).stem
        return (ORDER.index(stem) if stem in ORDER else len(ORDER), stem)


def copy_examples(examples: Path, target: Path, header: Path) -> None:
    """Copy the examples to where they may write files, each with a thumbnail of the first molecule in it."""
    shutil.rmtree(target, ignore_errors=True)
    thumbnails = target.with_name("thumbnails")
    for folder in (target, thumbnails):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(header, target / "README.rst")
    for example in sorted(examples.glob("*.py")):
        source = example.read_text()
        picture = thumbnails / f"{example.stem}.png"
        if draw_first_molecule(source, picture):
            source += f"\n# sphinx_gallery_thumbnail_path = '{picture.relative_to(header.parent).as_posix()}'\n"
        (target / example.name).write_text(source)


def draw_first_molecule(source: str, picture: Path) -> bool:
    """Draw the first SMILES of a script in two dimensions; whether there is one."""
    mols = (Chem.MolFromSmiles(match[1]) for match in _SMILES.finditer(source))
    with rdBase.BlockLogs():  # other words in quotes are no SMILES
        mol = next((mol for mol in mols if mol is not None), None)
    if mol is None:
        return False
    Draw.MolToFile(mol, str(picture), size=(400, 280))
    return True


def scrape(block: tuple[Any, ...], block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Move the pictures beside an example into the gallery; the text that shows them."""
    folder, paths = Path(block_vars["src_file"]).parent, []
    for picture, target in zip(sorted(folder.glob("*.png")), block_vars["image_path_iterator"], strict=False):
        shutil.move(picture, target)
        paths.append(target)
    return figure_rst(paths, gallery_conf["src_dir"])
