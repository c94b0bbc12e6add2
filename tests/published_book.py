"""The published EBD written out from its equations, one molecule, one atom and one pair at a time, in numpy.

Nothing here is shared with the package: a mistake there is no mistake here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rdkit import Chem

Arrays = dict[str, np.ndarray]
Network = Callable[[np.ndarray, float], np.ndarray]

GROUPS = ({"C"}, {"N", "O", "S", "P"}, {"F", "Cl", "Br", "I"})
STEPS = 50


def silu(v: np.ndarray) -> np.ndarray:
    return v / (1 + np.exp(-v))


def mlp(w: Arrays, name: str, *inputs: object) -> np.ndarray:
    """Every layer there is under the name, with SiLU in between."""
    v = np.concatenate([np.atleast_1d(part) for part in inputs])
    for i in range(0, 5, 2):
        if f"{name}.{i}.weight" in w:
            v = (silu(v) if i else v) @ w[f"{name}.{i}.weight"].T + w.get(f"{name}.{i}.bias", 0)
    return v


def heard(w: Arrays, name: str, inputs: list[list[object]]) -> np.ndarray:
    """Sum of messages, each times its attention."""
    total = np.zeros(w[f"{name}.edge_mlp.2.bias"].shape)
    for parts in inputs:
        message = silu(mlp(w, f"{name}.edge_mlp", *parts))
        total = total + message / (1 + np.exp(-mlp(w, f"{name}.att_mlp", message)))
    return total


def edge_numbers(mol: Chem.Mol, x: np.ndarray, most: int = 32) -> dict[tuple[int, int], int]:
    """The published number of every edge: bonds, two and three hops, and at most so many neighbours within 10 A."""
    hops, found = Chem.GetDistanceMatrix(mol), {}
    for i in range(len(x)):
        near = [j for j in range(len(x)) if j != i and np.linalg.norm(x[i] - x[j]) <= 10][:most]
        for j in range(len(x)):
            if i != j and hops[i, j] == 1:
                found[i, j] = int(mol.GetBondBetweenAtoms(i, j).GetBondType())
            elif i != j and hops[i, j] <= 3:
                found[i, j] = 21 + int(hops[i, j])
            elif j in near:
                found[i, j] = 0
    return found


def square(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a - b) ** 2).sum())


def away(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The vector from b to a, over its length + 1."""
    return (a - b) / (np.sqrt(square(a, b) + 1e-8) + 1)


def fragment_means(x: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """(F, 3), the paper's M^+ x."""
    return np.stack([x[owner == k].mean(0) for k in range(owner.max() + 1)])


def predicted(w: Arrays, mol: Chem.Mol, owner: np.ndarray, x_t: np.ndarray, t: float, most: int = 32) -> np.ndarray:
    """The network on one molecule: x_t (N, 3) and the fragment of each atom -> x_0 (N, 3)."""
    x_f, n, f = fragment_means(x_t, owner), len(x_t), owner.max() + 1
    symbols = [a.GetSymbol() for a in mol.GetAtoms()]
    numbers = [silu(w["atom_embedding.0.weight"][a.GetAtomicNum()]) for a in mol.GetAtoms()]
    h = [silu(w["atom_embedding.2.weight"] @ [*v, t] + w["atom_embedding.2.bias"]) for v in numbers]
    counts = [[sum(symbols[i] in group for i in range(n) if owner[i] == k) for group in GROUPS] for k in range(f)]
    z = [silu(mlp(w, "frag_embedding", v, t)) for v in counts]
    edges, x = edge_numbers(mol, x_t, most), x_t.copy()
    for block in range(sum(name.endswith("a_eq.bond_emb.weight") for name in w)):
        name, old = f"e_block_{block}.f_inv_0", list(z)
        for k in range(f):
            others = [[old[k], old[m], *[square(x_f[k], x_f[m])] * 2] for m in range(f) if m != k]
            pooled = sum(h[i] for i in range(n) if owner[i] == k)
            z[k] = old[k] + mlp(w, f"{name}.node_mlp", old[k], pooled, heard(w, name, others))
        name, old = f"e_block_{block}.a_inv_0", list(h)
        for i in range(n):
            near = [
                [old[i], old[j], square(x[i], x[j]), square(x_t[i], x_t[j]), w[f"{name}.bond_emb.weight"][e]]
                for (first, j), e in edges.items()
                if first == i
            ]
            h[i] = old[i] + mlp(w, f"{name}.node_mlp", old[i], z[owner[i]], heard(w, name, near))
        name, before = f"e_block_{block}.a_eq", x.copy()
        for (i, j), e in edges.items():
            near_by = [square(before[i], before[j]), square(x_t[i], x_t[j]), w[f"{name}.bond_emb.weight"][e]]
            x[i] += away(before[i], before[j]) * 15 * np.tanh(mlp(w, f"{name}.coord_mlp_atom", h[i], h[j], *near_by))
        for i in range(n):
            to_point = [square(before[i], x_f[owner[i]])] * 2
            pull = 15 * np.tanh(mlp(w, f"{name}.coord_mlp_frag", h[i], z[owner[i]], *to_point))
            x[i] += away(before[i], x_f[owner[i]]) * pull
    return x - x.mean(0)


def aligned(x: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Kabsch, both centred."""
    a, _, b = np.linalg.svd((x - x.mean(0)).T @ (to - to.mean(0)))
    return (x - x.mean(0)) @ a @ np.diag([1, 1, np.linalg.det(a @ b)]) @ b


def blurred(x_0: np.ndarray, seed: np.ndarray, owner: np.ndarray, t: float) -> np.ndarray:
    """The mean of x_t: (N, 3)."""
    prior = fragment_means(seed - seed.mean(0), owner)[owner]
    return (1 - t) * x_0 + t * prior


def sampled(network: Network, seed: np.ndarray, owner: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """The sampler for one molecule: seed (N, 3), noise (50, N, 3) -> conformer (N, 3), and the times it asked for."""
    centred, asked = seed - seed.mean(0), []
    prior = fragment_means(centred, owner)[owner]
    prior = prior - prior.mean(0)
    u = prior + 0.0125 * noise[1]
    for i in range(STEPS - 1, 0, -1):
        u = u - u.mean(0)
        asked.append(i / STEPS)
        x_0 = aligned(network(u, i / STEPS), centred)
        fresh = noise[0] if i == 1 else noise[STEPS - i + 1]
        u = x_0 + (i - 1) / STEPS * (prior - x_0) + 0.0125 * fresh
    return u - u.mean(0) + seed.mean(0), asked
