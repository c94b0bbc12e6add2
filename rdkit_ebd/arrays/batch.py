"""How do several molecules stand side by side in tensors? Padded rows, one per conformer; rows never mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from rdkit_ebd.arrays.molgraph import MolGraph


@dataclass(frozen=True)
class Batch:
    """B rows padded to N atoms, F fragments, Q stereo labels, R rotatable bonds, T dihedrals about them, E ends.

    Attributes:
        atom_features: (B, N, 8) int64.
        mask: (B, N) bool, true where there is an atom.
        pair_types: (B, N, N) int64.
        fragments: (B, N) int64; padding points at fragment 0.
        fragment_mask: (B, F) bool.
        stereo_quads: (B, Q, 4) int64.
        stereo_signs: (B, Q) float32, zero for padding.
        stereo_atoms: (B, Q) int64.
        torsions: (B, R, 4) int64.
        torsion_mask: (B, R) bool.
        far_side: (B, R, N) bool.
        dihedrals: (B, T, 4) int64, every dihedral i-a-b-j about a rotatable bond.
        dihedral_bonds: (B, T) int64, its rotatable bond.
        dihedral_mask: (B, T) bool.
        ends: (B, E, 2) int64, i-a of every side of a dihedral; several share one.
        dihedral_ends: (B, T, 2) int64, the two of each dihedral.
        level: (B,) int64, level of theory.
    """

    atom_features: Tensor
    mask: Tensor
    pair_types: Tensor
    fragments: Tensor
    fragment_mask: Tensor
    stereo_quads: Tensor
    stereo_signs: Tensor
    stereo_atoms: Tensor
    torsions: Tensor
    torsion_mask: Tensor
    far_side: Tensor
    dihedrals: Tensor
    dihedral_bonds: Tensor
    dihedral_mask: Tensor
    ends: Tensor
    dihedral_ends: Tensor
    level: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    @property
    def is_one_molecule(self) -> bool:
        """Whether all rows are known to be the same, as `repeated` makes them."""
        return self.mask.stride(0) == 0

    def repeated(self, count: int) -> Batch:
        """So many copies of the only row, which take no memory of their own."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        return Batch(**{name: tensor.expand(count, *tensor.shape[1:]) for name, tensor in tensors.items()})

    def rows(self, index: Tensor) -> Batch:
        """A batch of these rows, repeated or reordered as the index (M,) says."""
        if self.is_one_molecule:
            return Batch(**{f.name: getattr(self, f.name)[:1] for f in fields(self)}).repeated(len(index))
        return Batch(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def membership(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """(B, N, F) one where atom n belongs to fragment f: the paper's M."""
        members = self.fragments[..., None] == torch.arange(self.fragment_mask.shape[1], device=self.mask.device)
        return (members & self.mask[..., None]).to(dtype)


def fragment_points(x: Tensor, batch: Batch) -> Tensor:
    """Each atom's fragment centroid, M M^+ x: (B, N, 3) -> (B, N, 3) angstrom."""
    members = batch.membership(x.dtype)
    means = (members.transpose(1, 2) @ x) / members.sum(1).clamp(min=1)[..., None]
    return members @ means


def collate(graphs: Sequence[MolGraph]) -> Batch:
    """Stack graphs into one batch, a row each, padded to the largest."""
    n, f, q, r, t, e = (
        max(size)
        for size in (
            [g.num_atoms for g in graphs],
            [g.num_fragments for g in graphs],
            [len(g.stereo_signs) for g in graphs],
            [len(g.torsions) for g in graphs],
            [len(g.dihedrals) for g in graphs],
            [len(g.dihedral_ends[0]) for g in graphs],
        )
    )
    b = len(graphs)
    out = {
        "atom_features": np.zeros((b, n, graphs[0].atom_features.shape[1]), np.int64),
        "mask": np.zeros((b, n), bool),
        "pair_types": np.zeros((b, n, n), np.int64),
        "fragments": np.zeros((b, n), np.int64),
        "fragment_mask": np.zeros((b, f), bool),
        "stereo_quads": np.zeros((b, q, 4), np.int64),
        "stereo_signs": np.zeros((b, q), np.float32),
        "stereo_atoms": np.zeros((b, q), np.int64),
        "torsions": np.zeros((b, r, 4), np.int64),
        "torsion_mask": np.zeros((b, r), bool),
        "far_side": np.zeros((b, r, n), bool),
        "dihedrals": np.zeros((b, t, 4), np.int64),
        "dihedral_bonds": np.zeros((b, t), np.int64),
        "dihedral_mask": np.zeros((b, t), bool),
        "ends": np.zeros((b, e, 2), np.int64),
        "dihedral_ends": np.zeros((b, t, 2), np.int64),
        "level": np.array([g.level for g in graphs], np.int64),
    }
    for row, g in enumerate(graphs):
        _fill(out, row, g)
    return Batch(**{name: torch.from_numpy(array) for name, array in out.items()})


def _fill(out: dict[str, np.ndarray], row: int, g: MolGraph) -> None:
    n, q, r = g.num_atoms, len(g.stereo_signs), len(g.torsions)
    out["atom_features"][row, :n] = g.atom_features
    out["mask"][row, :n] = True
    out["pair_types"][row, :n, :n] = g.pair_types
    out["fragments"][row, :n] = g.fragments
    out["fragment_mask"][row, : g.num_fragments] = True
    for name in ("stereo_quads", "stereo_signs", "stereo_atoms"):
        out[name][row, :q] = getattr(g, name)
    out["torsions"][row, :r] = g.torsions
    out["torsion_mask"][row, :r] = True
    out["far_side"][row, :r, :n] = g.far_side
    t = len(g.dihedrals)
    out["dihedrals"][row, :t] = g.dihedrals[:, :4]
    out["dihedral_bonds"][row, :t] = g.dihedrals[:, 4]
    out["dihedral_mask"][row, :t] = True
    ends, out["dihedral_ends"][row, :t] = g.dihedral_ends
    out["ends"][row, : len(ends)] = ends
