"""Which settings does a run of training have?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.train.fit.objective import ObjectiveConfig


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run.

    Attributes:
        model: What is trained; it ends up in the checkpoint.
        objective: Pairs and loss.
        batch_atoms: Atoms per step, padding included.
        lr: Peak learning rate (AdamW).
        weight_decay: Of AdamW.
        warmup: Steps of linear warm-up.
        anneal_share: Share of a run, at its end, over which the rate falls to zero.
        batch_molecules: Pairs per step whatever their size, in place of `batch_atoms`; 0: as many as those allow.
        ema: Decay of the moving average, reached gradually.
        ema_from_start: The decay is `ema` from the first step.
        clip: Largest gradient norm; with `clip_window`, the norm that its window begins with.
        seed: Of the sampling order.
        clip_window: Norms, those of the last steps, from which the largest follows: 1.5 x their mean + 2 x their
            standard deviation. 0: it is always `clip`.
        beta2: Decay of AdamW's second moment.
        amsgrad: AdamW never forgets the largest second moment.
        low_precision: Multiply in bfloat16 where the network allows it.
    """

    model: ModelConfig
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    batch_atoms: int = 1536
    lr: float = 1e-3
    weight_decay: float = 1e-4
    warmup: int = 300
    anneal_share: float = 0.3
    ema: float = 0.999
    clip: float = 1.0
    seed: int = 0
    clip_window: int = 0
    beta2: float = 0.98
    amsgrad: bool = False
    low_precision: bool = True
    batch_molecules: int = 0
    ema_from_start: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TrainConfig:
        """Inverse of `to_dict`; unknown keys raise TypeError."""
        model = ModelConfig.from_json(json.dumps(data["model"]))
        return cls(**{**data, "model": model, "objective": _objective(data.get("objective", {}))})


def _objective(data: dict[str, Any]) -> ObjectiveConfig:
    low, high = data.get("torsion_noise", ObjectiveConfig.torsion_noise)  # JSON has no tuples
    return ObjectiveConfig(**{**data, "torsion_noise": (low, high)})
