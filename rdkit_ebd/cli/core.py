"""Which core do `--core`, `--mcs`, `--smarts` and `--atoms` name? A reference's pose, and what of it is held."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # RDKit is imported when it is needed: `--help` answers at once
    from rdkit import Chem

    from rdkit_ebd.library.cores import CoreOf

Reference = Annotated[
    str | None,
    typer.Option(
        "--core",
        metavar="FILE",
        help="A molecule in its pose; its heavy atoms, or what the next three say, are held where they are.",
        show_default="nothing is held",
    ),
]
Common = Annotated[bool, typer.Option("--mcs", help="Hold what a molecule and the --core have in common.")]
Smarts = Annotated[str | None, typer.Option("--smarts", help="Hold this part of the --core.", show_default="all")]
Atoms = Annotated[
    str | None,
    typer.Option(
        "--atoms", metavar="I,J,...", help="Hold these atoms of the --core, counted from 0.", show_default="all"
    ),
]


@dataclass(frozen=True)
class CoreChoice:
    """What is to be held.

    Attributes:
        path: File with one molecule in its pose.
        mcs: Whether what a molecule and it have in common is held.
        smarts: What of it is held; None: all of it.
        atoms: Indices of its atoms that are held; None: all of them.
    """

    path: str
    mcs: bool
    smarts: str | None
    atoms: tuple[int, ...] | None

    def manifest(self) -> dict[str, Any]:
        """All that determines it, as JSON takes it."""
        from rdkit_ebd.io.read import content_hash

        chosen = {"--mcs": self.mcs, "--smarts": self.smarts, "--atoms": list(self.atoms) if self.atoms else None}
        return {"the SHA-256 of --core": content_hash(self.path), **chosen}

    def finder(self) -> CoreOf:
        """The function that lays the core on molecules.

        Raises:
            OSError: The file is not there.
            ValueError: It has not exactly one molecule with a pose, or that has no such part.
        """
        from rdkit_ebd.chem.core_match import MatchCore, core_of, require_pose

        reference = _reference(self.path)
        require_pose(reference)
        if not self.mcs:
            core_of(reference, reference, self.smarts, False, self.atoms)
        return partial(MatchCore, reference=reference, smarts=self.smarts, mcs=self.mcs, atoms=self.atoms)


def core_choice(path: str | None, mcs: bool, smarts: str | None, atoms: str | None) -> CoreChoice | None:
    """What the four options say together; None where nothing is held.

    Raises:
        ValueError: They contradict one another.
    """
    parts = {"--mcs": mcs, "--smarts": smarts is not None, "--atoms": atoms is not None}
    named = [name for name, given in parts.items() if given]
    if path is None and named:
        raise ValueError(f"{named[0]} says what of a --core is held: give a --core as well")
    if len(named) > 1:
        raise ValueError(f"{named[0]} and {named[1]} both say what of the --core is held: choose one")
    return None if path is None else CoreChoice(path, mcs, smarts, _indices(atoms))


def _indices(atoms: str | None) -> tuple[int, ...] | None:
    if atoms is None:
        return None
    words = [word.strip() for word in atoms.split(",")]
    wrong = [word for word in words if not word.isdecimal()]
    if wrong:
        raise ValueError(f"--atoms are numbers with commas between them, counted from 0; not {', '.join(wrong)!r}")
    return tuple(dict.fromkeys(int(word) for word in words))


def _reference(path: str) -> Chem.Mol:
    """The molecule of a file that has one.

    Raises:
        ValueError: It has none that can be read, or several.
    """
    from rdkit_ebd.io.read import place, read_molecules

    if place(path) != "record":
        raise ValueError(f"--core {path}: a pose has coordinates: give an SD, MOL2, Maestro, PDB or XYZ file")
    entries = list(read_molecules(path))
    if len(entries) != 1:
        raise ValueError(f"--core {path} holds {len(entries)} molecules: give the one whose pose is known")
    if entries[0].mol is None:
        raise ValueError(f"--core {path}: {entries[0].problem}")
    return entries[0].mol
