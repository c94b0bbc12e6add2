"""What do the parts of the network share? Their configuration, and a linear layer that can do with half precision."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class NetworkConfig:
    """Size of the network.

    Attributes:
        width: Scalar channels per atom and per fragment.
        heads: Attention heads; each is also one vector channel.
        blocks: Number of blocks.
        radial: Radial basis functions of a distance.
        twist_every: Rotatable bonds turn after every this many blocks; 0 for never.
        harmonics: Terms of the torsional Fourier series.
        torques: Whether rotatable bonds also turn as the vector channels of the atoms on their sides would have them.
        hinges: Whether the sides of rotatable bonds also lean about the bonds' ends (`hinges`).
        sees_prior: Whether the vector to each atom's prior point is an input, as the coarse layout is in the paper.
        levels: Levels of theory that it can be trained at.
        head_width: Scalar channels of a head; 0: the width shared among the heads.
        hidden: Width inside the feed-forward parts; 0: three times the width.
    """

    width: int = 128
    heads: int = 8
    blocks: int = 6
    radial: int = 16
    twist_every: int = 2
    harmonics: int = 6
    torques: bool = False
    hinges: bool = False
    sees_prior: bool = False
    levels: int = 2
    head_width: int = 0
    hidden: int = 0

    @property
    def attended(self) -> int:
        """Scalar channels of all heads together."""
        return self.heads * (self.head_width or self.width // self.heads)


class Dense(nn.Linear):
    """A linear layer that may multiply in bfloat16; the geometry around it keeps full precision."""

    low_precision = False

    def forward(self, x: Tensor) -> Tensor:
        """x (..., in) -> (..., out) in x's dtype."""
        if not self.low_precision:
            return super().forward(x)
        bias = None if self.bias is None else self.bias.bfloat16()
        return functional.linear(x.bfloat16(), self.weight.bfloat16(), bias).to(x.dtype)
