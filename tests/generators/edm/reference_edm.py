"""The published EDM once more, from the paper's equations: one molecule, one number at a time, double precision.

Nothing is shared with the package but the weights' names. Hoogeboom et al., ICML 2022, equations 3 to 13 and appendix
B, with what the published configuration sets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

Weights = Mapping[str, np.ndarray]
Points = np.ndarray


def linear(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    return w[f"{name}.weight"] @ x + w.get(f"{name}.bias", 0.0)


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def noise_seen(w: Weights, blocks: int, x: Points, h: Points, t: float, context: Sequence[float] = ()) -> np.ndarray:
    """Equation 12: (M, 3 + F) from coordinates (M, 3) and features (M, F)."""
    count, first = len(x), x.copy()
    nodes = [linear(w, "embedding", np.array([*h[i], t, *context])) for i in range(count)]
    for block in range(blocks):
        name = f"e_block_{block}"
        nodes, x = moved(w, name, heard(w, name, nodes, x, first), x, first)
    shift = x - first
    shift -= shift.mean(0)
    out = [linear(w, "embedding_out", node)[: h.shape[1]] for node in nodes]
    return np.concatenate([shift, np.array(out)], 1)


def edge(i: int, j: int, nodes: list[np.ndarray], x: Points, first: Points) -> np.ndarray:
    now, before = sum((x[i] - x[j]) ** 2), sum((first[i] - first[j]) ** 2)
    return np.array([*nodes[i], *nodes[j], now, before])


def heard(w: Weights, name: str, nodes: list[np.ndarray], x: Points, first: Points) -> list[np.ndarray]:
    updated = []
    for i in range(len(nodes)):
        total = np.zeros(len(nodes[i]))
        for j in range(len(nodes)):
            if i != j:
                hidden = silu(linear(w, f"{name}.gcl_0.edge_mlp.0", edge(i, j, nodes, x, first)))
                message = silu(linear(w, f"{name}.gcl_0.edge_mlp.2", hidden))
                total += sigmoid(linear(w, f"{name}.gcl_0.att_mlp.0", message)[0]) * message
        hidden = silu(linear(w, f"{name}.gcl_0.node_mlp.0", np.array([*nodes[i], *total])))
        updated.append(nodes[i] + linear(w, f"{name}.gcl_0.node_mlp.2", hidden))
    return updated


def moved(
    w: Weights, name: str, nodes: list[np.ndarray], x: Points, first: Points
) -> tuple[list[np.ndarray], np.ndarray]:
    places = x.copy()
    for i in range(len(x)):
        for j in range(len(x)):
            if i != j:
                hidden = silu(linear(w, f"{name}.gcl_equiv.coord_mlp.0", edge(i, j, nodes, x, first)))
                hidden = silu(linear(w, f"{name}.gcl_equiv.coord_mlp.2", hidden))
                amount = 15 * math.tanh(linear(w, f"{name}.gcl_equiv.coord_mlp.4", hidden)[0])
                away = x[i] - x[j]
                places[i] += away / (math.sqrt(sum(away**2) + 1e-8) + 1) * amount
    return nodes, places


def alpha2(t: int, total: int = 1000, s: float = 1e-5) -> float:
    """The schedule with its least ratio of .001, appendix B.1."""
    value, before = 1.0, 1.0
    for k in range(t + 1):
        now = (1 - (k / total) ** 2) ** 2
        value *= min(max(now / before, 0.001), 1.0)
        before = now
    return (1 - 2 * s) * value + s


def scaled(x: Points, classes: Sequence[int], numbers: Sequence[int], scales: Sequence[float], n: int) -> np.ndarray:
    rows = []
    for i in range(len(classes)):
        one_hot = [float(k == classes[i]) / scales[1] for k in range(n)]
        charge = [numbers[i] / scales[2]] if numbers else []
        rows.append([*((x[i] - x.mean(0)) / scales[0]), *one_hot, *charge])
    return np.array(rows)


def cdf(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def feature_bits(value: np.ndarray, z: np.ndarray, sigma: float, scales: Sequence[float], n: int) -> float:
    """log p(h | z_0) of one atom."""
    logs = []
    for k in range(n):
        off = z[3 + k] * scales[1] - 1
        width = sigma * scales[1]
        logs.append(math.log(cdf((off + 0.5) / width) - cdf((off - 0.5) / width) + 1e-10))
    normaliser = math.log(sum(math.exp(v) for v in logs))
    total = sum((logs[k] - normaliser) * value[3 + k] * scales[1] for k in range(n))
    if len(value) > 3 + n:
        off = round(value[-1] * scales[2]) - z[-1] * scales[2]
        width = sigma * scales[2]
        total += math.log(cdf((off + 0.5) / width) - cdf((off - 0.5) / width) + 1e-10)
    return total


def nll(
    w: Weights,
    blocks: int,
    values: np.ndarray,
    t: int,
    eps: np.ndarray,
    eps_0: np.ndarray,
    scales: Sequence[float],
    n: int,
    context: Sequence[float] = (),
) -> float:
    """Equations 8 to 11 and the normaliser, for one time and two draws of noise."""
    atoms = len(values)

    def guess(step: int, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, s = math.sqrt(alpha2(step)), math.sqrt(1 - alpha2(step))
        z = a * values + s * noise
        return z, noise_seen(w, blocks, z[:, :3], z[:, 3:], step / 1000, context)

    _, found = guess(t, eps)
    ratio = (alpha2(t - 1) / (1 - alpha2(t - 1))) / (alpha2(t) / (1 - alpha2(t)))
    diffusion = 1000 * 0.5 * (ratio - 1) * ((eps - found) ** 2).sum()
    z_0, found_0 = guess(0, eps_0)
    spread = math.sqrt((1 - alpha2(0)) / alpha2(0))
    first = 0.5 * ((eps_0 - found_0)[:, :3] ** 2).sum() + 3 * (atoms - 1) * math.log(math.sqrt(2 * math.pi) * spread)
    for i in range(atoms):
        first -= feature_bits(values[i], z_0[i], math.sqrt(1 - alpha2(0)), scales, n)
    prior = 0.0
    variance = 1 - alpha2(1000)
    for k in range(values.shape[1]):
        dimension = atoms - 1 if k < 3 else atoms
        prior += 0.5 * alpha2(1000) * (values[:, k] ** 2).sum()
        prior += 0.5 * dimension * (variance - 1 - math.log(variance))
    return float(diffusion + first + prior + 3 * (atoms - 1) * math.log(scales[0]))


def step(w: Weights, blocks: int, z: np.ndarray, t: int, s: int, eps: np.ndarray) -> np.ndarray:
    """Equation 7: z_s from z_t."""
    a = math.sqrt(alpha2(t) / alpha2(s))
    sigma_t, sigma_s = math.sqrt(1 - alpha2(t)), math.sqrt(1 - alpha2(s))
    between = math.sqrt(sigma_t**2 - a**2 * sigma_s**2)
    found = noise_seen(w, blocks, z[:, :3], z[:, 3:], t / 1000)
    drawn = z / a - between**2 / (a * sigma_t) * found + between * sigma_s / sigma_t * eps
    drawn[:, :3] -= drawn[:, :3].mean(0)
    return drawn
