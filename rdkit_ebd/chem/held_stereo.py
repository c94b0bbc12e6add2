"""Do held positions show the written stereo? If not, perhaps under other names of equivalent atoms.

The two centres of a 1,4-disubstituted cyclohexane are cis or trans to one another; each by itself has a hand only
because atoms are numbered. A pose whose atoms go round the ring the other way shows both hands inverted, and is of the
same molecule nevertheless: then it is the written hands that change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.stereo import FACES, StereoLabels, signed_volumes, stereo_labels

Positions = Mapping[int, tuple[float, float, float]]


def contradicted(mol: Chem.Mol, held: Positions) -> list[int]:
    """Stereocentres whose held positions show the other hand than the written one.

    A centre shows a hand where it and three of its neighbours are held.

    Args:
        mol: With its written stereo.
        held: Positions by atom index, angstrom.
    """
    labels, coords = stereo_labels(mol), np.zeros((mol.GetNumAtoms(), 3))
    coords[list(held)] = np.array(list(held.values())).reshape(-1, 3)
    wrong = set()
    for centre, sign, face in _faces(labels):
        if all(atom in held for atom in face) and signed_volumes(coords, np.array([face]))[0] * sign < 0:
            wrong.add(centre)
    return sorted(wrong)


def renamed(mol: Chem.Mol, held: Positions) -> Chem.Mol:
    """The molecule with the hands that held positions show, where that is another numbering of the same; else itself.

    Args:
        mol: As `contradicted` takes it; not modified.
        held: Likewise.
    """
    wrong = contradicted(mol, held) if held else []
    if not wrong:
        return mol
    others, written = sorted(set(stereo_labels(mol).centre_atoms.tolist()) - set(wrong)), Chem.MolToSmiles(mol)
    for more in ([], *([other] for other in others)):
        tried = Chem.Mol(mol)
        for index in wrong + more:
            tried.GetAtomWithIdx(index).InvertChirality()
        if Chem.MolToSmiles(tried) == written and not contradicted(tried, held):
            return tried
    return mol


def _faces(labels: StereoLabels) -> Iterator[tuple[int, int, list[int]]]:
    """Centre, sign, and four atoms whose signed volume has it, the centre first."""
    for centre, quad, sign in zip(
        labels.centre_atoms.tolist(), labels.centre_quads.tolist(), labels.centre_signs.tolist(), strict=True
    ):
        if quad[0] == centre:
            yield centre, sign, quad
            continue
        for face in FACES.tolist():
            yield centre, sign, [[centre, *quad][place] for place in face]
