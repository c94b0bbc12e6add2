"""What can a model that draws molecules take over from another? All that does not depend on its kinds and properties.

Rows and columns of a kind of atom go to the same kind; those of kinds that the other lacks, and of properties, stay.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rdkit_ebd.generators.edm.model import GeneratorNetworks
from rdkit_ebd.train.molecules.skeleton_data import Kinds

_OF_KINDS = {
    "skeletons.atom.weight": 1,
    "skeletons.kinds.weight": 0,
    "skeletons.kinds.bias": 0,
    "hydrogens.atom.weight": 0,
}
_OF_THE_WHOLE, _SIZES = "skeletons.whole.weight", 3  # its first columns are sizes, the others properties


@torch.no_grad()
def take_over(networks: GeneratorNetworks, kinds: Kinds, others: GeneratorNetworks, other_kinds: Kinds) -> None:
    """Start networks from those of another model, in place.

    Args:
        networks: To be trained.
        kinds: Atomic number and hydrogens of each kind of atom they have.
        others: Of the other model.
        other_kinds: Theirs.

    Raises:
        ValueError: The other model's networks are of another size.
    """
    theirs, mine = others.state_dict(), networks.state_dict()
    fixed = [name for name in mine if name not in _OF_KINDS and name != _OF_THE_WHOLE]
    unlike = [name for name in fixed if name not in theirs or theirs[name].shape != mine[name].shape]
    if unlike:
        raise ValueError(f"the model to start from is of another size: {unlike[0]}, and {len(unlike) - 1} more")
    for name in fixed:
        mine[name].copy_(theirs[name])
    mine[_OF_THE_WHOLE][:, :_SIZES] = theirs[_OF_THE_WHOLE][:, :_SIZES]
    for name, axis in _OF_KINDS.items():
        _copy_kinds(mine[name], theirs[name], axis, kinds, other_kinds)


def _copy_kinds(mine: Tensor, theirs: Tensor, axis: int, kinds: Kinds, other_kinds: Kinds) -> None:
    for place, kind in enumerate(kinds):
        if kind in other_kinds:
            mine.select(axis, place).copy_(theirs.select(axis, other_kinds.index(kind)))
