"""What should the network get right? Training pairs from seeds and references, and the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch, fragment_points
from rdkit_ebd.arrays.geometry import align, centre, dihedrals, gather_atoms, twist, wrap_angle
from rdkit_ebd.arrays.molgraph import LOCAL_TYPES, ONE_FOUR_STIFF, OTHER_BOND, SAME_FRAGMENT, SINGLE
from rdkit_ebd.generators.denoiser import Denoiser
from rdkit_ebd.generators.ebd.blur import BlurConfig, blur, earlier_state, prior_points
from rdkit_ebd.generators.ebd.sampler import deblur, deblur_times


@dataclass(frozen=True)
class Pairs:
    """What the network learns from in one step.

    Attributes:
        seed: (B, N, 3) coarse conformers, angstrom.
        reference: (B, N, 3) conformers paired with them.
        natural: (B,) bool, the seed falls into the reference's basin by itself and is taken as it is.
        batch: The molecules.
        stiff: As `stiff_quads` has it, where that is known beforehand.
    """

    seed: Tensor
    reference: Tensor
    natural: Tensor
    batch: Batch
    stiff: tuple[Tensor, Tensor] | None = None

    def to(self, device: torch.device | str) -> Pairs:
        """The same pairs on another device."""
        seed, reference, natural = (x.to(device) for x in (self.seed, self.reference, self.natural))
        stiff = self.stiff and (self.stiff[0].to(device), self.stiff[1].to(device))
        return Pairs(seed, reference, natural, self.batch.to(device), stiff)


@dataclass(frozen=True)
class ObjectiveConfig:
    """Settings of pairs and loss.

    Attributes:
        pairing: "basin": the seed's torsions are brought into the reference's basin; "as_is": pairs as prepared.
        keep_within: A seed's own torsion stays when it is this close to the reference's, degrees.
        torsion_noise: Else it is drawn around the reference's, with a standard deviation that is itself drawn,
            log-uniformly, between these, degrees: most seeds are close, some are far away.
        natural_noise: Noise on the torsions of natural seeds, which are few and met often, degrees: too little to take
            them to another basin.
        distortion: Noise on the atoms of a reference that is its own seed, angstrom; about ETKDG's local error.
        redrawn_share: Share of the torsions that are drawn although the seed's own would do.
        true_layout_share: For the fragment prior, share trained from the reference's own fragment layout plus noise.
        layout_noise: That noise, angstrom per fragment.
        prior_share: Share of each batch trained at t = 1, where sampling starts; discrete times end before it.
        local_weight: Weight of the pair-distance loss within three bonds.
        torsion_weight: Weight of 1 - cos of the error of each rotatable bond's dihedral.
        torsion_robust: Beyond about this square root of 1 - cos the error counts less and less. 0: it counts in full,
            and where a torsion may fall to either side, the best answer is between them, where none falls.
        volume_weight: Weight of the error of signed volumes, which distances say nearly nothing of in flat groups.
        unrolled_share: Share of the steps in which the seeds are first deblurred by the network as it is, for as many
            rounds as are drawn: what it meets when sampling in rounds.
        unrolled_rounds: Most rounds of that.
        unrolled_natural: Whether those rounds are for natural pairs, too. They may carry a seed past the basin it would
            have fallen into, but spared them, networks come nearer in one round and drift away in five (model card).
        robust: Length in angstrom beyond which an atom's error counts linearly; 0 for the paper's squared error.
        per_atom: A conformer's error is the mean of its atoms'; else their sum, as in the paper.
    """

    pairing: str = "basin"
    keep_within: float = 45.0
    torsion_noise: tuple[float, float] = (3.0, 45.0)
    natural_noise: float = 0.0
    distortion: float = 0.04
    redrawn_share: float = 0.3
    true_layout_share: float = 0.0
    layout_noise: float = 0.4
    prior_share: float = 0.4
    local_weight: float = 2.0
    torsion_weight: float = 2.0
    torsion_robust: float = 0.0
    volume_weight: float = 0.0
    unrolled_share: float = 0.0
    unrolled_rounds: int = 3
    unrolled_natural: bool = True
    robust: float = 0.3
    per_atom: bool = True


def into_basin(seed: Tensor, reference: Tensor, batch: Batch, config: ObjectiveConfig) -> Tensor:
    """Turn the seed's torsions into the reference's basin, so that the pair has one answer to learn.

    A torsion near the reference's stays as RDKit made it. One in another basin (or on a symmetry-equivalent side:
    methyl, phenyl) is set to the reference's plus noise. Averaging over contradictory targets is what keeps a
    network trained on freely matched pairs from moving torsions at all.
    """
    if batch.torsions.shape[1] == 0:
        return seed
    gap = wrap_angle(dihedrals(reference, batch.torsions) - dihedrals(seed, batch.torsions))
    low, high = (math.radians(angle) for angle in config.torsion_noise)
    spread = low * (high / low) ** torch.rand_like(gap)
    # No gap at all is a reference that is its own seed: its torsions must be drawn or there is nothing to learn.
    own = (gap.abs() > 1e-4) & (gap.abs() < math.radians(config.keep_within))
    keep = own & (torch.rand_like(gap) > config.redrawn_share)
    angles = torch.where(keep, torch.zeros_like(gap), gap + spread * torch.randn_like(gap)) * batch.torsion_mask
    return centre(twist(seed, batch.torsions[..., 1:3], batch.far_side, angles), batch.mask)


def training_loss(denoise: Denoiser, pairs: Pairs, blurring: BlurConfig, config: ObjectiveConfig) -> dict[str, Tensor]:
    """Loss of one batch, with its parts.

    Args:
        denoise: The network.
        pairs: Seeds and the conformers they should become.
        blurring: Forward process.
        config: Objective.

    Returns:
        Scalars "loss", "rmsd" (root mean squared, angstrom), "local" (mean absolute pair distance error, angstrom),
        "torsion" (as `torsion_error` has it), "volume" (mean absolute error, cubic angstrom). All of them are of what
        the network predicts, which may be the previous state.
    """
    seed = starting_coords(pairs, config)
    if config.unrolled_share and float(torch.rand(())) < config.unrolled_share:
        rounds = 1 + int(torch.randint(config.unrolled_rounds, ()))
        rows = (~pairs.natural | config.unrolled_natural).nonzero()[:, 0]
        if len(rows):
            seed = seed.index_copy(0, rows, unrolled(denoise, seed[rows], pairs.batch.rows(rows), blurring, rounds))
    return loss_from(denoise, seed, pairs, blurring, config)


def starting_coords(pairs: Pairs, config: ObjectiveConfig) -> Tensor:
    """Where the pairs' seeds begin: in their references' basins if the objective says so; (B, N, 3)."""
    if config.pairing != "basin":
        return pairs.seed
    natural, brought = pairs.seed, into_basin(pairs.seed, pairs.reference, pairs.batch, config)
    if config.natural_noise:
        natural = _with_torsion_noise(natural, pairs.batch, math.radians(config.natural_noise))
    return torch.where(pairs.natural[:, None, None], natural, brought)


def _with_torsion_noise(seed: Tensor, batch: Batch, spread: float) -> Tensor:
    angles = spread * torch.randn_like(batch.torsion_mask, dtype=seed.dtype) * batch.torsion_mask
    return centre(twist(seed, batch.torsions[..., 1:3], batch.far_side, angles), batch.mask)


def loss_from(
    denoise: Denoiser, seed: Tensor, pairs: Pairs, blurring: BlurConfig, config: ObjectiveConfig
) -> dict[str, Tensor]:
    """As `training_loss`, from where the seeds have got to (B, N, 3)."""
    reference, batch = pairs.reference, pairs.batch
    x_0 = align(reference, seed, batch.mask)
    prior = _mix_layouts(prior_points(seed, batch, blurring), x_0, batch, config)
    t = _times(len(seed), blurring, config, seed.device)
    x_t = blur(x_0, prior, t, torch.randn_like(seed), batch.mask, blurring)
    predicted = denoise(x_t, t, batch, prior)
    wanted = x_0
    if blurring.target == "previous":
        wanted = reference = _previous(x_0, x_t, prior, t, blurring)
    square = (align(predicted, wanted, batch.mask) - wanted).square().sum(-1)
    atoms = batch.mask.to(square.dtype)
    local = local_error(predicted, reference, batch)
    torsional = torsion_error(predicted, reference, batch, config.torsion_robust)
    volume = volume_error(predicted, reference, batch, pairs.stiff)
    placed = (_robust(square, config.robust) * atoms).sum(1)
    placed = placed / atoms.sum(1) if config.per_atom else placed
    loss = placed.mean() + config.local_weight * local + config.torsion_weight * torsional
    return {
        "loss": loss + config.volume_weight * volume,
        "rmsd": ((square * atoms).sum() / atoms.sum()).sqrt().detach(),
        "local": local.detach(),
        "torsion": torsional.detach(),
        "volume": volume.detach(),
    }


def unrolled(denoise: Denoiser, seed: Tensor, batch: Batch, blurring: BlurConfig, rounds: int = 1) -> Tensor:
    """Seeds (B, N, 3) after some rounds of one step each, without noise and without gradients."""
    with torch.no_grad():
        return deblur(
            denoise,
            seed,
            batch,
            blurring,
            deblur_times(1, rounds),
            torch.zeros_like(seed)[:, None].expand(-1, rounds, -1, -1),
        )


def _times(count: int, blurring: BlurConfig, config: ObjectiveConfig, device: torch.device) -> Tensor:
    """Times (B,) to train at: any, or the blurring's own discrete ones."""
    if blurring.timesteps:
        return torch.randint(1, blurring.timesteps, (count,), device=device) / blurring.timesteps
    t = torch.rand(count, device=device)
    return torch.where(torch.rand_like(t) < config.prior_share, torch.ones_like(t), t)


def _previous(x_0: Tensor, x_t: Tensor, prior: Tensor, t: Tensor, blurring: BlurConfig) -> Tensor:
    """Mean of the state 1/T before t (B,): (B, N, 3)."""
    assert blurring.timesteps is not None
    earlier = (t - 1 / blurring.timesteps).clamp(min=0)
    return earlier_state(x_0, x_t, prior, t, earlier, blurring)[0]


def _mix_layouts(prior: Tensor, x_0: Tensor, batch: Batch, config: ObjectiveConfig) -> Tensor:
    """Replace part of the priors by the true fragment layout with noise, which decouples deblurring from matching."""
    if not config.true_layout_share:
        return prior
    members = batch.membership(x_0.dtype)
    noise = members @ torch.randn(len(x_0), members.shape[2], 3, device=x_0.device)
    layout = centre(fragment_points(x_0, batch) + config.layout_noise * noise, batch.mask)
    chosen = torch.rand(len(x_0), 1, 1, device=x_0.device) < config.true_layout_share
    return torch.where(chosen, layout, prior)


def local_error(x: Tensor, reference: Tensor, batch: Batch) -> Tensor:
    """Mean absolute error of distances within three bonds, angstrom; scalar."""
    code = batch.pair_types % SAME_FRAGMENT
    local = ((code >= 1) & (code <= LOCAL_TYPES)).to(x.dtype)
    found, wanted = (_length(y[:, :, None] - y[:, None]) for y in (x, reference))
    return ((found - wanted).abs() * local).sum() / local.sum().clamp(min=1)


def torsion_error(x: Tensor, reference: Tensor, batch: Batch, robust: float = 0.0) -> Tensor:
    """Mean of 1 - cos(error) over the dihedrals of rotatable bonds, pseudo-Huber where `robust` is given; scalar."""
    error = dihedrals(x, batch.torsions) - dihedrals(reference, batch.torsions)
    mask = batch.torsion_mask.to(x.dtype)
    return (_robust(1 - torch.cos(error), robust) * mask).sum() / mask.sum().clamp(min=1)


def volume_error(x: Tensor, reference: Tensor, batch: Batch, stiff: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Mean absolute error of the signed volumes that say how flat and which way up a group is, cubic angstrom; scalar.

    Volumes are those of `stiff_quads`, which are found in the batch unless they are given.
    """
    quads, there = stiff_quads(batch) if stiff is None else stiff
    weight = there.to(x.dtype)
    error = (_signed_volume(x, quads) - _signed_volume(reference, quads)).abs()
    return (error * weight).sum() / weight.sum().clamp(min=1)


def stiff_quads(batch: Batch) -> tuple[Tensor, Tensor]:
    """Atoms with three of their neighbours, and chains of four about bonds that do not rotate.

    Returns:
        (B, Q, 4), and which of them there are, (B, Q) bool.
    """
    row, quads = _stiff(batch) if batch.mask.shape[1] >= 4 else (batch.level[:0], batch.stereo_quads[0, :0])
    counts = torch.bincount(row, minlength=len(batch.level))
    order = row.argsort(stable=True)
    row, quads = row[order], quads[order]
    column = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
    padded = quads.new_zeros(len(counts), int(counts.max()), 4)
    padded[row, column] = quads
    return padded, torch.arange(padded.shape[1], device=row.device) < counts[:, None]


def _stiff(batch: Batch) -> tuple[Tensor, Tensor]:
    """Rows (M,) of the batch and four atoms (M, 4) each."""
    code = batch.pair_types % SAME_FRAGMENT
    bonded = (code >= SINGLE) & (code <= OTHER_BOND)
    there, neighbour = bonded.to(torch.uint8).topk(4, -1)
    row, a = (there.sum(-1) >= 3).nonzero(as_tuple=True)
    about_atoms = torch.cat([a[:, None], neighbour[row, a, :3]], -1)
    bond_row, a, b = bonded.triu().nonzero(as_tuple=True)
    i, j = neighbour[bond_row, a][:, :, None], neighbour[bond_row, b][:, None]
    exist = there[bond_row, a].bool()[:, :, None] & there[bond_row, b].bool()[:, None]
    stiff = code[bond_row[:, None, None], i, j]
    exist = exist & (i != b[:, None, None]) & (j != a[:, None, None])
    bond, left, right = (exist & (stiff >= ONE_FOUR_STIFF) & (stiff <= LOCAL_TYPES)).nonzero(as_tuple=True)
    i, j = neighbour[bond_row, a][bond, left], neighbour[bond_row, b][bond, right]
    about_bonds = torch.stack([a[bond], i, b[bond], j], -1)
    return torch.cat([row, bond_row[bond]]), torch.cat([about_atoms, about_bonds])


def _signed_volume(x: Tensor, quads: Tensor) -> Tensor:
    """(B, N, 3) at (B, Q, 4) -> (B, Q)."""
    origin, *others = gather_atoms(x, quads).unbind(-2)
    u, v, w = (other - origin for other in others)
    return (u * torch.linalg.cross(v, w)).sum(-1)


def _length(vector: Tensor) -> Tensor:
    return (vector.square().sum(-1) + 1e-8).sqrt()


def _robust(square: Tensor, scale: float) -> Tensor:
    """Pseudo-Huber: squared error for small displacements, linear for those nobody can predict."""
    if scale <= 0:
        return square
    return 2 * scale * ((square + scale * scale).sqrt() - scale)
