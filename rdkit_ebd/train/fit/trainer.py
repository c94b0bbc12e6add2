"""What changes from step to step? Network, optimiser and moving average of one run, and the file that keeps them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from rdkit_ebd.generators.checkpoint import Network, make_network
from rdkit_ebd.runtime.whole_file import whole_file
from rdkit_ebd.train.fit.objective import Pairs, training_loss
from rdkit_ebd.train.fit.train_config import TrainConfig

Gradients = Callable[[], tuple[dict[str, Tensor], int]]
"""Leaves the gradients of a batch in the network: its losses, and how many pairs it had."""


class Trainer:
    """Network, optimiser and moving average of one run folder."""

    def __init__(self, config: TrainConfig, run: Path, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config, self.run, self.device = config, run, device
        self.network = make_network(config.model).to(device)
        self.network.set_low_precision(config.low_precision)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.lr,
            betas=(0.9, config.beta2),
            weight_decay=config.weight_decay,
            amsgrad=config.amsgrad,
            fused=True,
        )
        self.norms = deque([config.clip], maxlen=config.clip_window)
        self.step, self.samples, self.seconds = 0, 0, 0.0
        self.history: list[dict[str, Any]] = []

    @property
    def state_file(self) -> Path:
        """Where the resumable state is kept."""
        return self.run / "state.pt"

    def save_state(self) -> None:
        """Write everything a later run needs to continue; the file appears whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "counters": {"step": self.step, "samples": self.samples, "seconds": self.seconds},
            "history": json.dumps(self.history),
            "norms": list(self.norms),
            "random": torch.get_rng_state(),
        }
        with whole_file(self.state_file) as stream:
            torch.save(state, stream)

    def load_state(self) -> None:
        """Continue where `save_state` left off."""
        state = torch.load(self.state_file, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.samples, self.seconds = (state["counters"][k] for k in ("step", "samples", "seconds"))
        self.history = json.loads(state["history"])
        self.norms = deque(state.get("norms", self.norms), maxlen=self.config.clip_window)
        torch.set_rng_state(state["random"].cpu())

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Start from a checkpoint's weights, with a fresh optimiser.

        Levels of theory it lacks start as its first, torques and hinges as they are made: without effect.
        """
        weights = {k: v.to(self.device, self.average[k].dtype) for k, v in weights.items()}
        new_parts = {k: v for k, v in self.average.items() if ".torques." in k or k.startswith("hinges.")}
        weights = new_parts | weights
        if "level.weight" in weights:  # the paper's network has no levels
            levels = weights["level.weight"]
            new = max(0, len(self.average["level.weight"]) - len(levels))
            weights["level.weight"] = torch.cat([levels, levels[:1].expand(new, -1)])
        self.network.load_state_dict(weights)
        self.average = {k: v.clone() for k, v in weights.items()}

    def update(self, gradients: Gradients, rate: float) -> dict[str, Tensor]:
        """One optimiser step along gradients, at `rate` times the peak learning rate; the host does not wait for it."""
        config = self.config
        warm = min(1.0, (self.step + 1) / config.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = config.lr * warm * rate
        losses, count = gradients()
        limit = self._largest_norm()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit)
        # A step that overflowed is skipped, not repaired; the optimiser looks here, as `torch.amp` has it.
        self.optimiser.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
        self.optimiser.step()
        if config.clip_window and bool(torch.isfinite(norm)):
            self.norms.append(min(float(norm), limit))
        self.step += 1
        self.samples += count
        self._update_average()
        return losses | {"norm": norm}

    def averaged(self) -> Network:
        """The moving average as a network in evaluation mode and full precision."""
        network = make_network(self.config.model).to(self.device)
        network.load_state_dict(self.average)
        return network.requires_grad_(False).eval()

    def gradients(self, pairs: Pairs) -> tuple[dict[str, Tensor], int]:
        """Leave the gradients of these pairs in the network: their losses, and how many they are."""
        pairs = pairs.to(self.device)
        losses = training_loss(self.network, pairs, self.config.model.blur, self.config.objective)
        self.optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        return {name: value.detach() for name, value in losses.items()}, len(pairs.seed)

    def _largest_norm(self) -> float:
        if not self.config.clip_window:
            return self.config.clip
        return float(1.5 * np.mean(self.norms) + 2 * np.std(self.norms))

    def _update_average(self) -> None:
        ramp = 1.0 if self.config.ema_from_start else (1 + self.step) / (10 + self.step)
        decay = min(self.config.ema, ramp)
        now = self.network.state_dict()
        get_ema_multi_avg_fn(decay)([self.average[name] for name in now], list(now.values()), None)
