"""How do other programs make conformers? CONFORGE of CDPKit, asked for a molecule's conformers as RDKit would be.

CONFORGE (Seidel et al., J. Chem. Inf. Model. 2023, 63, 5549) searches systematically, in macrocycles at random, and
keeps the conformers of an energy window that differ. It has no seed and one thread, and it may keep fewer than it is
asked for, as there are no more of them: these count as dropped, not as missing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.evaluation.method import LONGEST, Embedding, Method

CONFORGE = "CONFORGE"
MIN_RMSD, ENERGY_WINDOW = 0.5, 15.0  # angstrom and kcal/mol: CONFORGE's own defaults
INSTALL = "pip install 'rdkit-ebd[rivals]'"


@dataclass(frozen=True)
class ConforgeMethod(Method):
    """CONFORGE with its own defaults."""

    def embed(self, mol: Chem.Mol, count: int, seed: int) -> Embedding:
        """See `Method.embed`; the seed is not used, and few conformers are a selection of their own from all.

        Raises:
            ValueError: CDPKit does not read the molecule as RDKit does.
        """
        coords, failure = conforge(mol, count)
        for x in coords:
            conformer = Chem.Conformer(len(x))
            conformer.SetPositions(x)
            mol.AddConformer(conformer, assignId=True)
        failures = Counter({failure: 1}) if failure else Counter[str]()
        dropped = 0 if failure else count - len(coords)
        return Embedding(list(range(len(coords))), failures, dropped)


def conforge_method(name: str, minimised: bool) -> ConforgeMethod:
    """The method of a name.

    Raises:
        ImportError: CDPKit is not installed; the message says how to install it.
    """
    try:
        import_module("CDPL.ConfGen")
    except ImportError as error:
        raise ImportError(f"{name} needs CDPKit: {INSTALL}") from error
    return ConforgeMethod(name, f"{name} of CDPKit {version('cdpkit')}", minimised)


def conforge(mol: Chem.Mol, count: int) -> tuple[np.ndarray, str]:
    """Ask CONFORGE for conformers.

    Args:
        mol: With explicit hydrogens.
        count: Most conformers.

    Returns:
        (K, N, 3) float64, angstrom, in the molecule's order of atoms, K at most `count`; and the name of CONFORGE's
        return code where that is not success, else nothing.

    Raises:
        ValueError: CDPKit does not read the molecule as RDKit does.
    """
    generation: Any = import_module("CDPL.ConfGen")
    theirs, order = _read_by_cdpkit(mol)
    generation.prepareForConformerGeneration(theirs)
    generator = generation.ConformerGenerator()
    settings = generator.settings
    settings.minRMSD, settings.energyWindow = MIN_RMSD, ENERGY_WINDOW
    settings.maxNumOutputConformers, settings.timeout = count, 1000 * LONGEST  # milliseconds
    code = int(generator.generate(theirs))
    coords = np.zeros((generator.numConformers, mol.GetNumAtoms(), 3))
    for row in range(len(coords)):
        coords[row, order] = [[point[axis] for axis in range(3)] for point in generator.getConformer(row)]
    return coords, "" if code == generation.ReturnCode.SUCCESS else _name(generation.ReturnCode, code)


def _read_by_cdpkit(mol: Chem.Mol) -> tuple[Any, list[int]]:
    """The molecule as CDPKit has it, by way of SMILES with all hydrogens, and our number of each of its atoms.

    SMILES say stereo as it is written; a MOL block would say it by a drawing or by coordinates. Single and double bonds
    are written as such, as each program has a model of aromaticity of its own.
    """
    chemistry: Any = import_module("CDPL.Chem")
    plain = Chem.Mol(mol, True)
    Chem.Kekulize(plain, clearAromaticFlags=True)
    smiles = Chem.MolToSmiles(plain, kekuleSmiles=True)
    order = list(plain.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    theirs = chemistry.BasicMolecule()
    understood = chemistry.parseSMILES(smiles, theirs)
    elements = [chemistry.getType(atom) for atom in theirs.atoms]
    if not understood or elements != [mol.GetAtomWithIdx(i).GetAtomicNum() for i in order]:
        raise ValueError(f"CDPKit does not read {smiles} as RDKit does")
    return theirs, order


def _name(codes: Any, code: int) -> str:
    names = [name for name in dir(codes) if name.isupper() and getattr(codes, name) == code]
    return names[0] if names else f"CONFORGE_CODE_{code}"
