"""How are conformers looked at? `show` makes an HTML page of them: in three dimensions, with a table that selects."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdkit import Chem

from rdkit_ebd.ensemble.score import BoltzmannWeights
from rdkit_ebd.potentials import Potential
from rdkit_ebd.runtime.whole_file import write_whole
from rdkit_ebd.viz.page_data import molecule_data
from rdkit_ebd.viz.page_html import drawing, page_html

MOST_CONFORMERS = 100  # of a molecule, unless more are asked for
MOST_ATOMS = 200_000  # of all conformers of a page, which is then about 40 MB


@dataclass(frozen=True)
class Page:
    """One HTML file that needs nothing else; the last line of a notebook's cell shows it.

    Attributes:
        html: Its text.
        notes: What a reader must know, such as how many conformers are not shown.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("OCCCN"))
        >>> ids = EmbedMultipleConfs(mol, 3, randomSeed=1)
        >>> page = show(mol, maxConfs=2)
        >>> page.notes
        ('NCCCO: 2 of 3 conformers are shown, the lowest',)
        >>> page.save("page.html").name
        'page.html'
    """

    html: str
    notes: tuple[str, ...] = ()

    def save(self, file: str | os.PathLike[str]) -> Path:
        """Write the page; the file appears whole or not at all.

        Args:
            file: To write.

        Returns:
            The file.

        Raises:
            OSError: It cannot be written.
        """
        write_whole(file, self.html)
        return Path(file)

    def _repr_html_(self) -> str:
        """The page in a frame from which its script cannot reach the notebook."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" sandbox="allow-scripts allow-downloads" '
            'style="width: 100%; height: 720px; border: 0"></iframe>'
        )


class PageBuilder:
    """Takes molecules until the page is full.

    Args:
        title: Of the page.
        temperature: Of the weights, kelvin.
        script: What draws, as in `show`.

    Raises:
        OSError: The script cannot be read.
        ValueError: It is not 3Dmol.js; the temperature is out of range.
    """

    def __init__(self, title: str, temperature: float = 298.15, script: str | os.PathLike[str] = "auto") -> None:
        BoltzmannWeights([], temperature)
        self._title, self._temperature, self._drawing = title, float(temperature), drawing(script)
        self._molecules: list[dict[str, Any]] = []
        self._atoms = self._left_out = 0

    def add(self, mol: Chem.Mol, most: int = MOST_CONFORMERS, **options: Any) -> dict[str, Any] | None:
        """Add a molecule, as by `molecule_data`: what the page has of it, or None where the page is full."""
        room = (MOST_ATOMS - self._atoms) // max(1, mol.GetNumAtoms())
        if self._left_out or (room < 1 and self._molecules):
            self._left_out += 1
            return None
        data = molecule_data(mol, temperature=self._temperature, most=max(1, min(most, room)), **options)
        self._atoms += mol.GetNumAtoms() * len(data["conformers"])
        self._molecules.append(data)
        return data

    @property
    def molecules(self) -> int:
        """How many are on the page."""
        return len(self._molecules)

    @property
    def conformers(self) -> int:
        """How many are on the page."""
        return sum(len(molecule["conformers"]) for molecule in self._molecules)

    @property
    def drawn_by(self) -> str:
        """What draws in the page, in words."""
        return f"3Dmol.js, {self._drawing.words}" if self._drawing.words else "the page itself"

    @property
    def notes(self) -> list[str]:
        """What concerns the page as a whole."""
        left_out = f"the page is full: {self._left_out} more molecules are not shown; give them in files of their own"
        return [left_out] * bool(self._left_out)

    def page(self) -> Page:
        """The page of all that was added."""
        data = {"notes": self.notes, "temperature": self._temperature, "molecules": self._molecules}
        said = [f"{molecule['name']}: {note}" for molecule in self._molecules for note in molecule["notes"]]
        return Page(page_html(self._title, data, self._drawing), (*said, *self.notes))


def show(
    mols: Chem.Mol | Iterable[Chem.Mol],
    file: str | os.PathLike[str] | None = None,
    *,
    method: str | Potential | None = None,
    temperature: float = 298.15,
    maxConfs: int = MOST_CONFORMERS,
    script: str | os.PathLike[str] = "auto",
) -> Page:
    """Make an HTML page that shows conformers in three dimensions, with a table of them that selects.

    They lie on the largest rigid part of the molecule, coloured by their energy. The table has energies, Boltzmann
    weights, the RMSD to the lowest, where each comes from and the stereochemistry it shows; all of it, and the SD
    records, are in the one file. The states that the callback of `EmbedMoleculeEBD` is given come in their order.

    Args:
        mols: A molecule with conformers, or several; they are not changed.
        file: HTML file to write; None: none, the page can be saved later.
        method: Of the energies, as in `ScoreConformers`; None: those that the conformers have, else MMFF94s.
        temperature: Of the weights, kelvin.
        maxConfs: Conformers of a molecule at most, the lowest. A page has 200,000 atoms at most.
        script: What draws: "auto" is an installed 3Dmol.js (npm package 3dmol, or the file that RDKIT_EBD_3DMOL names),
            which goes into the page, else a tag that loads it from a CDN when the page is opened; "cdn" is that tag,
            "none" the page's own simpler drawing, which also stands in where nothing can be loaded; or a file.

    Returns:
        The page, which notebooks show.

    Raises:
        TypeError: There is something that is not a molecule.
        ValueError: A molecule has no conformers, a number is out of range, there is no such method.
        ImportError: The method's engine is not installed.
        OSError: A file cannot be read or written.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 5, randomSeed=1)
        >>> page = show(mol, "paracetamol.html")
        >>> page.html.startswith("<!DOCTYPE html>")
        True
    """
    if maxConfs < 1:
        raise ValueError(f"maxConfs must be at least 1, not {maxConfs}")
    chosen = [mols] if isinstance(mols, Chem.Mol) or mols is None else list(mols)
    _refuse(chosen)
    builder = PageBuilder("Conformers", temperature, script)
    for mol in chosen:
        builder.add(mol, maxConfs, method=method)
    page = builder.page()
    if file is not None:
        page.save(file)
    return page


def _refuse(mols: Sequence[Any]) -> None:
    """Names what cannot be shown, by its place."""
    if not mols:
        raise ValueError("there is nothing to show: no molecule was given")
    others = [f"{k} ({type(mol).__name__})" for k, mol in enumerate(mols) if not isinstance(mol, Chem.Mol)]
    if others:
        raise TypeError(f"mols must be molecules; these are not: {', '.join(others)}")
    bare = [str(k) for k, mol in enumerate(mols) if not mol.GetNumConformers()]
    if bare:
        raise ValueError(f"these molecules have no conformers: {', '.join(bare)} (counted from 0); embed them first")
