"""Do calls from several threads at once give what single calls give?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from helpers import coords_of, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd import EBD, EmbedMultipleConfs, EmbedWithReport, get_provenance

DIFFERENT = ("ibuprofen", "ephedrine", "nicotine", "salbutamol")
CONFS = 2


def embed(mol: Chem.Mol, seed: int = 42, **settings: Any) -> np.ndarray:
    """Coordinates of conformers that were all made, (K, N, 3) angstrom."""
    assert len(EmbedMultipleConfs(mol, CONFS, EBD(randomSeed=seed, **settings))) == CONFS
    return coords_of(mol)


def at_once(mols: Sequence[Chem.Mol], settings: Sequence[dict[str, Any]]) -> list[np.ndarray]:
    """One thread for each molecule; none begins before all are there."""
    barrier = Barrier(len(mols))

    def call(mol: Chem.Mol, keywords: dict[str, Any]) -> np.ndarray:
        barrier.wait()
        return embed(mol, **keywords)

    with ThreadPoolExecutor(len(mols)) as pool:
        return list(pool.map(call, mols, settings))


@pytest.mark.parametrize("names", [DIFFERENT, ("ibuprofen",) * 3], ids=["different molecules", "copies of one"])
def test_threads_give_what_single_calls_give(names: Sequence[str]) -> None:
    alone = {name: embed(with_hydrogens(name)) for name in set(names)}
    original = {name: with_hydrogens(name) for name in set(names)}
    together = at_once([Chem.Mol(original[name]) for name in names], [{}] * len(names))
    for name, coords in zip(names, together, strict=True):
        assert np.abs(coords - alone[name]).max() < 1e-6


def test_threads_keep_their_own_parameters() -> None:
    settings: list[dict[str, Any]] = [
        {"seed": 1},
        {"seed": 2},
        {"seed": 1, "numRounds": 1, "noiseScale": 0.0},
        {"seed": 1, "coarse": "dg"},
    ]
    alone = [embed(with_hydrogens("ephedrine"), **keywords) for keywords in settings]
    mols = [with_hydrogens("ephedrine") for _ in settings]
    together = at_once(mols, settings)
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one - other).max() < 1e-6
    assert min(np.abs(alone[0] - other).max() for other in alone[1:]) > 0.01
    assert [get_provenance(mol.GetConformer(0))["ebd_seed"] for mol in mols] == [1, 2, 1, 1]


def test_a_call_that_fails_leaves_the_others_alone() -> None:
    impossible = Chem.AddHs(Chem.MolFromSmiles("O=C1N[C@H]2CC[C@H]1C2"))
    alone = embed(with_hydrogens("nicotine"))

    def failing(_: int) -> list[str]:
        report = EmbedWithReport(Chem.Mol(impossible), CONFS, randomSeed=7, maxIterations=1)
        return [cause for _, cause in report.failed]

    with ThreadPoolExecutor(3) as pool:
        causes = [pool.submit(failing, k) for k in range(2)]
        made = pool.submit(embed, with_hydrogens("nicotine"))
        assert np.abs(made.result() - alone).max() < 1e-6
    assert all(len(cause.result()) == CONFS for cause in causes)


def test_rdkits_own_calls_beside_ours() -> None:
    def etkdg() -> np.ndarray:
        mol = with_hydrogens("ibuprofen")
        parameters: Any = rdDistGeom.ETKDGv3()
        parameters.randomSeed = 3
        assert len(rdDistGeom.EmbedMultipleConfs(mol, 5, parameters)) == 5
        return coords_of(mol)

    alone = etkdg(), embed(with_hydrogens("ephedrine"))
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.submit(etkdg), pool.submit(embed, with_hydrogens("ephedrine"))
        assert np.array_equal(theirs.result(), alone[0])
        assert np.abs(ours.result() - alone[1]).max() < 1e-6
