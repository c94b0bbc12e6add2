"""Where do the fragments of a molecule lie? A layout of points, one for each, from which a model places the atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from rdkit import Chem

from rdkit_ebd.chem.conformers import new_conformer
from rdkit_ebd.chem.fragments import Vocabulary, assign_fragments, fragment_smiles
from rdkit_ebd.generators.checkpoint import load_model


class FragmentLayout:
    """A molecule cut into the fragments that a model knows, and shapes of it that have one point for each of them.

    The coarse-to-fine model "ebd-c2f" starts from such points alone, and puts the atoms around them with the written
    stereochemistry. The points may be those of a rough shape, of a coarse-grained simulation, or drawn by hand.

    Args:
        mol: With explicit hydrogens; not changed.
        model: Name or path of the model whose fragments are meant.

    Attributes:
        mol: A copy without conformers.
        model: As given.
        fragments: (N,) int64, the fragment of each atom, numbered from 0 by their lowest atoms.
        smiles: SMILES of each fragment.

    Raises:
        TypeError: `mol` is not a molecule.
        ValueError: Hydrogens are missing, or there is no such model.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O"))
        >>> layout = FragmentLayout(mol)
        >>> rough = EmbedMultipleConfs(mol, 2, randomSeed=1)
        >>> points = layout.points(mol)
        >>> points.shape == (2, len(layout), 3)
        True
        >>> drawn = layout.with_points(points)  # as they are, moved, or others
        >>> len(EmbedMultipleConfs(drawn, 2, model=layout.model, coarse="conformers", randomSeed=1))
        2
    """

    def __init__(self, mol: Chem.Mol, model: str = "ebd-c2f") -> None:
        if not isinstance(mol, Chem.Mol):
            raise TypeError(f"mol must be a Chem.Mol, not {type(mol).__name__}")
        if any(atom.GetTotalNumHs() for atom in mol.GetAtoms()):
            raise ValueError("hydrogens are missing: call Chem.AddHs(mol)")
        config = load_model(model).config
        self.mol, self.model = Chem.Mol(mol, True), model
        self.fragments = assign_fragments(mol, Vocabulary.from_dict(config.vocabulary))
        self.smiles = fragment_smiles(mol, self.fragments)
        self._takes_points = config.blur.prior == "fragments"

    def __len__(self) -> int:
        """The number of fragments."""
        return len(self.smiles)

    def __repr__(self) -> str:
        """Such as `FragmentLayout(model='ebd-c2f', fragments=['CC', 'c1ccccc1'])`."""
        return f"FragmentLayout(model={self.model!r}, fragments={self.smiles!r})"

    def points(self, mol: Chem.Mol) -> np.ndarray:
        """The centres of the fragments in the conformers of a molecule, (K, F, 3) angstrom.

        Raises:
            ValueError: The molecule has other atoms than the layout's, or no conformers.
        """
        if [a.GetAtomicNum() for a in mol.GetAtoms()] != [a.GetAtomicNum() for a in self.mol.GetAtoms()]:
            raise ValueError("the molecule has other atoms than the layout's, or in another order")
        if not mol.GetNumConformers():
            raise ValueError("the molecule has no conformers to take the points from")
        coords = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
        return np.stack([coords[:, self.fragments == k].mean(1) for k in range(len(self))], axis=1)

    def with_points(self, points: ArrayLike) -> Chem.Mol:
        """A molecule whose conformers are layouts, every atom at the point of its fragment.

        Embed it with `coarse="conformers"` and the layout's model: conformer k starts from layout k, and from the
        first again after the last.

        Args:
            points: (K, F, 3) or (F, 3) angstrom, F fragments in the order of `smiles`.

        Raises:
            ValueError: The points are not of that shape or not finite, or the model starts from atoms, not fragments.
        """
        if not self._takes_points:
            raise ValueError(f"model {self.model!r} starts from atoms, not from points of fragments: use 'ebd-c2f'")
        x = np.asarray(points, dtype=np.float64)
        x = x[None] if x.ndim == 2 else x
        if x.ndim != 3 or x.shape[1:] != (len(self), 3) or not len(x) or not np.isfinite(x).all():
            raise ValueError(f"points must be finite numbers of shape ({len(self)}, 3) or (K, {len(self)}, 3)")
        mol = Chem.Mol(self.mol)
        for shape in x:
            mol.AddConformer(new_conformer(shape[self.fragments]), assignId=True)
        return mol
