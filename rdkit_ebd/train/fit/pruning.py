"""How does a trained network become a smaller one? Without the blocks, heads and hidden units that matter least.

    python -m rdkit_ebd.train.fit.pruning --model ebd-f2f --config config.json --shards a.shard --blocks 0 1 4 5
        --heads 6 --hidden 256 --out small.safetensors

What a part matters is estimated to first order (Molchanov et al. 2019): the square of the sum of weight times gradient,
over batches of training pairs. The smaller network answers badly until it is trained on what the whole one makes
(`train.loop --config small.json --init small.safetensors`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from rdkit_ebd.generators.checkpoint import make_network, model_path, read_config, read_weights, save_model
from rdkit_ebd.generators.ebd.layers import NetworkConfig
from rdkit_ebd.generators.ebd.network import Block, DeblurNetwork
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.train.data_prep.shards import load_shards
from rdkit_ebd.train.fit.batches import batches
from rdkit_ebd.train.fit.objective import Pairs, training_loss
from rdkit_ebd.train.fit.train_config import TrainConfig

_BATCHES = 60


@dataclass
class Importance:
    """What each part matters, by block.

    Attributes:
        heads: (blocks, heads), of attention among atoms.
        vectors: (blocks, heads), of the vector channels that belong to these.
        fragment_heads: (blocks, heads), of attention among fragments.
        hidden: (blocks, hidden), of units inside the feed-forward parts.
    """

    heads: Tensor
    vectors: Tensor
    fragment_heads: Tensor
    hidden: Tensor


def importance(config: TrainConfig, weights: Mapping[str, Tensor], pairs: Iterable[Pairs]) -> Importance:
    """What the parts of a network matter for its loss on some batches, without rounds of its own."""
    network = make_network(config.model)
    assert isinstance(network, DeblurNetwork)
    network.load_state_dict(weights)
    shape, objective = _shape(config.model), replace(config.objective, unrolled_share=0.0)
    sums = Importance(*(torch.zeros(shape.blocks, n) for n in (*[shape.heads] * 3, _hidden(shape))))
    for batch in pairs:
        network.zero_grad()
        training_loss(network, batch, config.model.blur, objective)["loss"].backward()
        for k, block in enumerate(cast("Sequence[Block]", network.blocks)):
            sums.heads[k] += _effect(block.out.weight)[: shape.attended].view(shape.heads, -1).sum(1) ** 2
            sums.vectors[k] += _effect(block.mix.weight)[: shape.heads] ** 2
            sums.fragment_heads[k] += _effect(block.fragments.out.weight).view(shape.heads, -1).sum(1) ** 2
            sums.hidden[k] += _effect(cast("Tensor", block.feed[2].weight)) ** 2
    return sums


def pruned(
    config: ModelConfig,
    weights: Mapping[str, Tensor],
    matters: Importance,
    blocks: Sequence[int],
    heads: int,
    hidden: int,
) -> tuple[ModelConfig, dict[str, Tensor]]:
    """The configuration and weights of a smaller network.

    Args:
        config: Of the whole network.
        weights: Likewise.
        matters: Of its parts.
        blocks: Which blocks stay, ascending.
        heads: How many heads stay, the same in all blocks, since each is a vector channel that goes through them.
        hidden: How many hidden units of a feed-forward part stay.

    Raises:
        ValueError: There are no such blocks or fewer heads or units, or torsions would turn after other blocks.
    """
    shape = _shape(config)
    _check(shape, blocks, heads, hidden)
    shares = [sums[list(blocks)] / sums[list(blocks)].sum(1, keepdim=True) for sums in (matters.heads, matters.vectors)]
    same = _most(torch.cat(shares).sum(0), heads)
    new: dict[str, Tensor] = {}
    for name, weight in weights.items():
        part, _, rest = name.partition(".")
        number, _, inner = rest.partition(".")
        if part not in ("blocks", "twists", "hinges"):
            new[name] = weight
        elif int(number) in blocks and (part == "blocks" or _turns_after(shape, list(blocks).index(int(number)))):
            own = _most(matters.fragment_heads[int(number)], heads), _most(matters.hidden[int(number)], hidden)
            rows, columns = _kept(part, inner, shape, same, *own)
            weight = weight if rows is None else weight[rows]
            new[f"{part}.{list(blocks).index(int(number))}.{inner}"] = weight if columns is None else weight[:, columns]
    head_width = shape.attended // shape.heads
    smaller = replace(shape, blocks=len(blocks), heads=heads, head_width=head_width, hidden=hidden)
    return replace(config, network=smaller), new


def _kept(
    part: str, name: str, shape: NetworkConfig, heads: Tensor, fragment_heads: Tensor, hidden: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """Which rows and columns of a weight stay; None: all."""
    count, channels = shape.heads, shape.attended
    stem = name.removeprefix("torques.").removesuffix(".weight").removesuffix(".bias")
    if part != "blocks":
        four = torch.cat([heads + k * count for k in range(4)])
        gates = four if part == "hinges" else heads
        kept = {"mix": (heads, heads), "moves": (heads, None), "gate.2": (gates, None)}
        return kept.get(stem, (None, None))
    twice = torch.cat([heads, heads + count])
    own, fragment = _channels(heads, channels // count), _channels(fragment_heads, channels // count)
    others = torch.cat([heads, torch.arange(count, count + 3)])  # landmarks follow the vector channels
    rows_of = {"qkv": _thrice(own, channels), "fragments.qkv": _thrice(fragment, channels), "types": twice}
    rows_of |= {"radial": heads, "fragments.radial": fragment_heads, "gate": heads, "shift": heads}
    rows_of |= {"mix": twice, "feed.0": hidden}
    columns_of = {"out": torch.cat([own, channels + twice, torch.tensor([channels + 2 * count])]), "mix": others}
    columns_of |= {"fragments.out": fragment, "feed.2": hidden}
    return rows_of.get(stem), None if name.endswith(".bias") else columns_of.get(stem)


def _channels(heads: Tensor, width: int) -> Tensor:
    return (heads[:, None] * width + torch.arange(width)).flatten()


def _thrice(channels: Tensor, count: int) -> Tensor:
    """Of queries, keys and values."""
    return torch.cat([channels + k * count for k in range(3)])


def _most(matters: Tensor, count: int) -> Tensor:
    """The `count` that matter most, in their order."""
    return matters.topk(count).indices.sort().values


def _effect(weight: Tensor) -> Tensor:
    """By column, what the loss would change without it, to first order."""
    assert weight.grad is not None
    return (weight * weight.grad).detach().sum(0)


def _shape(config: ModelConfig) -> NetworkConfig:
    if not isinstance(config.network, NetworkConfig):
        raise ValueError(f"model {config.name!r} is the paper's network, which is not made smaller")
    return config.network


def _turns_after(shape: NetworkConfig, block: int) -> bool:
    return shape.twist_every > 0 and (block + 1) % shape.twist_every == 0


def _hidden(shape: NetworkConfig) -> int:
    return shape.hidden or 3 * shape.width


def _check(shape: NetworkConfig, blocks: Sequence[int], heads: int, hidden: int) -> None:
    if list(blocks) != sorted(set(blocks) & set(range(shape.blocks))) or not blocks:
        raise ValueError(f"blocks must be some of 0 to {shape.blocks - 1}, ascending, not {list(blocks)}")
    for what, kept, there in (("heads", heads, shape.heads), ("hidden units", hidden, _hidden(shape))):
        if not 1 <= kept <= there:
            raise ValueError(f"{kept} of {there} {what} cannot stay")
    for position, block in enumerate(blocks):
        if _turns_after(shape, position) and not _turns_after(shape, block):
            raise ValueError(f"torsions would turn after block {block}, after which they do not turn now")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: writes the smaller checkpoint, and beside it (.json) the configuration to train it by."""
    parser = argparse.ArgumentParser(
        prog="rdkit_ebd.train.fit.pruning", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", required=True, help="the whole network, a checkpoint or a shipped model's name")
    parser.add_argument("--config", type=Path, required=True, help="training configuration (JSON)")
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="training shards")
    parser.add_argument("--blocks", type=int, nargs="+", required=True, help="which stay, the first is 0")
    parser.add_argument("--heads", type=int, required=True)
    parser.add_argument("--hidden", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    asked = parser.parse_args(arguments)
    path = model_path(asked.model)
    whole, weights = read_config(path), {name: weight.float() for name, weight in read_weights(path).items()}
    training = TrainConfig.from_dict(json.loads(asked.config.read_text()))
    training = replace(training, model=whole)
    torch.manual_seed(training.seed)
    drawn = batches(load_shards(asked.shards), training.batch_atoms, training.seed, training.objective.distortion)
    matters = importance(training, weights, islice(drawn, _BATCHES))
    config, kept = pruned(whole, weights, matters, asked.blocks, asked.heads, asked.hidden)
    save_model(asked.out, config, kept, torch.float32)
    asked.out.with_suffix(".json").write_text(json.dumps(replace(training, model=config).to_dict()))
    many, all_of_them = (sum(weight.numel() for weight in some.values()) for some in (kept, weights))
    print(f"wrote {asked.out}: {many} of {all_of_them} weights")


if __name__ == "__main__":
    main()
