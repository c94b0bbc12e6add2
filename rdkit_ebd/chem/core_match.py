"""Which atoms of a molecule are those of a core whose pose is known, and where do they belong?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFMCS

from rdkit_ebd.chem.held_stereo import contradicted

MOST_MATCHES = 200
MCS_SECONDS = 5


@dataclass(frozen=True)
class CoreMatch:
    """Atoms of a molecule, and the atoms of a reference whose positions they take.

    Attributes:
        atoms: Indices of the molecule.
        reference_atoms: Indices of the reference, in the same order.
        positions: (n, 3) angstrom.

    Example:
        >>> known, mol = (Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in ("Oc1ccccc1", "CCc1ccccc1O"))
        >>> EmbedMolecule(known, randomSeed=7)
        0
        >>> match = MatchCore(mol, known)
        >>> len(match.atoms), match.coordMap.keys() == set(match.atoms)
        (7, True)
    """

    atoms: tuple[int, ...]
    reference_atoms: tuple[int, ...]
    positions: np.ndarray

    @property
    def coordMap(self) -> dict[int, tuple[float, float, float]]:
        """Positions by atom index, as `EBD.coordMap` takes them."""
        return {
            atom: (float(x), float(y), float(z)) for atom, (x, y, z) in zip(self.atoms, self.positions, strict=True)
        }

    def rmsd(self, coords: np.ndarray) -> float:
        """How far the core of a conformer (N, 3) is from the reference, without superposing them, angstrom."""
        return float(np.sqrt(((coords[list(self.atoms)] - self.positions) ** 2).sum(1).mean()))


def MatchCore(
    mol: Chem.Mol, reference: Chem.Mol, smarts: str | None = None, mcs: bool = False, confId: int = -1
) -> CoreMatch:
    """Find the core of a reference in a molecule.

    Of several ways to lay it on, the first is taken whose positions have the written stereo.

    Args:
        mol: The molecule to be embedded.
        reference: A molecule with a conformer, such as a ligand of a crystal structure; its heavy atoms are the core.
        smarts: What of the reference is the core; None: all of it.
        mcs: Take what both have in common, whole rings.
        confId: The reference's conformer.

    Raises:
        ValueError: The reference has no conformer in three dimensions; the core is in one of the two molecules only;
            smarts cannot be read.

    Example:
        >>> known = Chem.AddHs(Chem.MolFromSmiles("c1ccc2scnc2c1"))
        >>> EmbedMolecule(known, randomSeed=7)
        0
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CCNC(=O)c1nc2ccccc2s1"))
        >>> report = EmbedWithReport(mol, 5, core=MatchCore(mol, known), randomSeed=42)
        >>> report.messages
        ['core of 9 atoms: RMSD 0.0000 angstrom from the reference']
    """
    if not reference.GetNumConformers() or not reference.GetConformer(confId).Is3D():
        raise ValueError("the reference of a core needs a conformer in three dimensions")
    pattern = _pattern(mol, reference, smarts, mcs)
    places = reference.GetConformer(confId).GetPositions()
    found = [
        CoreMatch(atoms, own, places[list(own)])
        for own in reference.GetSubstructMatches(pattern, maxMatches=MOST_MATCHES)[: 1 if smarts is None else None]
        for atoms in mol.GetSubstructMatches(pattern, uniquify=False, maxMatches=MOST_MATCHES)
    ]
    if not found:
        advice = "" if mcs else ": use what they have in common (mcs=True), or say what is the core (smarts=...)"
        raise ValueError(f"the core {Chem.MolToSmarts(pattern)!r} is not in both molecules{advice}")
    return next((match for match in found if not contradicted(mol, match.coordMap)), found[0])


def _pattern(mol: Chem.Mol, reference: Chem.Mol, smarts: str | None, mcs: bool) -> Chem.Mol:
    if smarts is not None:
        pattern = Chem.MolFromSmarts(smarts)
        if pattern is None:
            raise ValueError(f"smarts={smarts!r} cannot be read")
        return pattern
    heavy = Chem.RemoveHs(Chem.Mol(reference, True))
    if not mcs:
        return heavy
    common = rdFMCS.FindMCS(
        [Chem.RemoveHs(Chem.Mol(mol, True)), heavy],
        timeout=MCS_SECONDS,
        ringMatchesRingOnly=True,
        completeRingsOnly=True,
    )
    if not common.numAtoms:
        raise ValueError("the molecule and the reference have no core in common")
    return Chem.MolFromSmarts(common.smartsString)
