"""Do the sides of bonds lean as rigid bodies, and does what hangs on an atom go with it?

That they do so alike however a molecule is placed, numbered or mirrored is tested with the whole network.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers import TINY, shaken, system
from torch import Tensor

from rdkit_ebd.arrays.geometry import align
from rdkit_ebd.arrays.molgraph import OTHER_BOND, SAME_FRAGMENT, SINGLE
from rdkit_ebd.generators.ebd.hinges import Hinges
from rdkit_ebd.generators.ebd.network import DeblurNetwork

CARRY = slice(3 * TINY.heads, None)  # the gates of what is carried come last


def hinges(carry: bool, lean: bool) -> Hinges:
    """A shaken module that does but one of the two."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    module = Hinges(TINY).double().requires_grad_(False)
    for parameter in module.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    for part, wanted in ((CARRY, carry), (slice(3 * TINY.heads), lean)):
        module.get_parameter("gate.2.weight")[part] *= wanted
        module.get_parameter("gate.2.bias")[part] *= wanted
    return module


def channels(x: Tensor) -> tuple[Tensor, Tensor]:
    """Scalars and vectors that could be any."""
    generator = torch.Generator().manual_seed(1)
    h = torch.randn(*x.shape[:2], TINY.width, generator=generator, dtype=x.dtype)
    return h, torch.randn(*x.shape, TINY.heads, generator=generator, dtype=x.dtype)


@pytest.mark.parametrize("name", ["ibuprofen", "tamoxifen", "penicillin_v"])
def test_leaning_changes_no_bond(name: str) -> None:
    """To first order: what is left falls with the square of the angles, while the moves themselves do not."""
    _, batch, x = system(name, 1)
    module, (h, vectors) = hinges(carry=False, lean=True), channels(x)
    code = batch.pair_types[0] % SAME_FRAGMENT
    i, j = ((code >= SINGLE) & (code <= OTHER_BOND)).triu().nonzero(as_tuple=True)
    changes, moves = [], []
    for scale in (1e-3, 1e-4):
        bent = module(h, x, scale * vectors, batch)
        lengths = ((y[0, i] - y[0, j]).norm(dim=-1) for y in (bent, x))
        changes.append((next(lengths) - next(lengths)).abs().max())
        moves.append((bent - x).norm(dim=-1).max())
    assert moves[1] > 1e-5
    assert moves[1] / moves[0] == pytest.approx(0.1, rel=0.05)
    assert changes[1] < 0.02 * changes[0]


def test_a_side_leans_as_its_atoms_would_have_it() -> None:
    """Moves along the arc across each bond in turn bend it by their angle, but for what inertia holds back."""
    _, batch, x = system("ibuprofen", 1)
    module = Hinges(TINY).double().requires_grad_(False)
    module.mix.weight.copy_(torch.eye(TINY.heads))
    module.moves.weight.zero_()
    module.moves.bias.fill_(1.0)
    h = x.new_zeros(*x.shape[:2], TINY.width)
    module.get_parameter("gate.2.bias")[: TINY.heads] = 1.0
    for r, (i, a, b, _) in enumerate(batch.torsions[0].tolist()):
        lone = replace(
            batch, **{name: getattr(batch, name)[:, r : r + 1] for name in ("torsions", "torsion_mask", "far_side")}
        )
        side, offset = batch.far_side[0, r], x[0] - x[0, a]
        across = torch.linalg.cross(offset[b], offset[i])
        arms = torch.linalg.cross(0.01 * across / across.norm() + 0 * offset, offset)
        vectors = torch.zeros(*x.shape, TINY.heads, dtype=x.dtype)
        vectors[0, side, :, 1] = arms[side]
        bent = module(h, x, vectors, lone)
        angles = [torch.arccos(torch.cosine_similarity(y[0, i] - y[0, a], y[0, b] - y[0, a], dim=0)) for y in (bent, x)]
        assert 0.002 < abs(float(angles[0] - angles[1])) < 0.01  # never more than they ask for


def test_what_hangs_on_an_atom_is_carried_along() -> None:
    _, batch, x = system("Cc1ccccc1", 1)
    module, (h, vectors) = hinges(carry=True, lean=False), channels(x)
    ring = int(batch.torsions[0, 0, 1]) if batch.atom_features[0, int(batch.torsions[0, 0, 1]), 3] else None
    a, b = batch.torsions[0, 0, 1:3].tolist()
    ring, methyl_side = (a, batch.far_side[0, 0]) if ring is not None else (b, ~batch.far_side[0, 0])
    only = torch.zeros_like(vectors)
    only[0, ring] = vectors[0, ring]
    carried = methyl_side.clone()
    carried[ring] = True
    bent = module(h, x, only, batch)
    difference = torch.cdist(bent, bent) - torch.cdist(x, x)
    assert difference[0][carried][:, carried].abs().max() < 1e-9
    assert difference[0][~carried][:, ~carried].abs().max() < 1e-9
    assert difference[0][carried][:, ~carried].abs().max() > 1e-3


def test_padding_and_new_modules_change_nothing() -> None:
    _, batch, x = system("ibuprofen", 1)
    h, vectors = channels(x)
    assert torch.allclose(
        Hinges(TINY).double()(h, x, vectors, batch), x - x.mean(1, keepdim=True) + x.mean(1), atol=1e-9
    )
    module = hinges(carry=True, lean=True)
    whole = module(h, x, vectors, batch)
    off = replace(batch, torsion_mask=torch.zeros_like(batch.torsion_mask))
    assert torch.allclose(module(h, x, vectors, off), align(x, x, batch.mask), atol=1e-9)
    assert (whole - x).abs().max() > 1e-2


def test_a_network_starts_with_them_as_it_was() -> None:
    _, batch, x = system("ibuprofen", 1)
    without = shaken(replace(TINY, hinges=False))
    with_them = DeblurNetwork(TINY).double().eval()
    missing = with_them.load_state_dict(without.state_dict(), strict=False).missing_keys
    assert missing
    assert all(name.startswith("hinges.") for name in missing)
    t = torch.full((1,), 0.7, dtype=x.dtype)
    assert torch.allclose(with_them(x, t, batch, x), without(x, t, batch, x), atol=1e-9)
    assert (shaken()(x, t, batch, x) - without(x, t, batch, x)).abs().max() > 1e-3
