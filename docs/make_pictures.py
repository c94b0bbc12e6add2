"""Make the pictures of the documentation: `make pictures`, or `python docs/make_pictures.py [FOLDER] [NAME ...]`.

Every picture in docs/_static is of this script. It needs matplotlib, and a Chromium for pictures of pages; these are
drawn by 3Dmol.js where RDKIT_EBD_3DMOL names it, else by the page itself.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from PIL import Image
from rdkit import Chem

import rdkit_ebd
from rdkit_ebd.viz import draw_deblurring, draw_molecules, draw_representatives

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))  # where the browser is

GEFITINIB = "COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1"
SALBUTAMOL = "CC(C)(C)NC[C@H](O)c1ccc(O)c(CO)c1"


def deblurring(file: Path) -> None:
    """How a conformer of gefitinib comes about."""
    mol, paths = Chem.AddHs(Chem.MolFromSmiles(GEFITINIB)), dict[int, Chem.Mol]()
    rdkit_ebd.EmbedMoleculeEBD(mol, 1, randomSeed=42, callback=paths.__setitem__)
    draw_deblurring(paths[0], file)


def clusters(file: Path) -> None:
    """Shapes of salbutamol, with their energies."""
    draw_representatives(salbutamol(), file, clusterRmsd=0.5, maxPanels=6)


def page(file: Path) -> None:
    """The page of salbutamol's conformers, the second lowest chosen."""
    from browser import Browser

    with tempfile.TemporaryDirectory() as folder:
        rdkit_ebd.show(salbutamol(), Path(folder) / "page.html", script="auto" if drawn_by_3dmol() else "none")
        with Browser(Path(folder), webgl=drawn_by_3dmol()) as browser:
            browser.open(Path(folder) / "page.html")
            browser.click("h1")
            browser.click("#rows tr:nth-child(2)")
            file.write_bytes(browser.picture())


@cache
def salbutamol() -> Chem.Mol:
    """Minima of MMFF94s, no two of them the same."""
    mol = Chem.AddHs(Chem.MolFromSmiles(SALBUTAMOL))
    mol.SetProp("_Name", "salbutamol")
    rdkit_ebd.EmbedMultipleConfs(mol, 20, rdkit_ebd.EBD(randomSeed=42, refine="MMFF94s", pruneRmsThresh=0.3))
    return mol


def drawn_by_3dmol() -> bool:
    """Whether an installed 3Dmol.js is named."""
    return bool(os.environ.get("RDKIT_EBD_3DMOL"))


def sweep(file: Path) -> None:
    """Molecules of eighteen atoms drawn for rising polarizability, the first that is one of each dozen."""
    wanted = (60.0, 68.0, 76.0, 84.0, 92.0)
    drawn = [
        rdkit_ebd.GenerateMolecules(12, conditions={"alpha": alpha}, numAtoms=18, randomSeed=1).mols[0]
        for alpha in wanted
    ]
    draw_molecules(drawn, file, [f"{alpha:.0f} bohr³" for alpha in wanted])


PICTURES: dict[str, Callable[[Path], None]] = {
    "deblurring.png": deblurring,
    "clusters.png": clusters,
    "page.png": page,
    "sweep.png": sweep,
}


def main(arguments: list[str]) -> None:
    """Make all pictures, or those named."""
    folder = Path(arguments[0]) if arguments else DOCS / "_static"
    for name in arguments[1:] or PICTURES:
        PICTURES[name](folder / name)
        with Image.open(folder / name) as picture:
            small = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
        small.save(folder / name, optimize=True)
        print(folder / name)


if __name__ == "__main__":
    main(sys.argv[1:])
