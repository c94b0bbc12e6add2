"""Does a molecule arrive as it was sent?"""

from __future__ import annotations

import pickle
from multiprocessing import Pipe

import numpy as np
import pytest
from helpers import coords_of, embedded
from rdkit import Chem

from rdkit_ebd.library.job import Job
from rdkit_ebd.library.messages import Start, packed, unpacked
from rdkit_ebd.params import EBD
from rdkit_ebd.runtime.processes import receive, send


@pytest.mark.parametrize("coarse", ["conformers", None])
def test_molecules_arrive_whole(coarse: str | None) -> None:
    mol = embedded("C/C=C/[C@H](O)C(=O)[O-]", 2)
    mol.SetProp("name", "an acid")
    mol.GetAtomWithIdx(3).SetProp("note", "a centre")
    job = unpacked(pickle.loads(pickle.dumps(packed(Job(mol, 7), EBD(coarse=coarse)))))
    assert job.num_confs == 7
    assert Chem.MolToSmiles(job.mol) == Chem.MolToSmiles(mol)
    assert [a.GetAtomicNum() for a in job.mol.GetAtoms()] == [a.GetAtomicNum() for a in mol.GetAtoms()]
    assert job.mol.GetProp("name") == "an acid"
    assert job.mol.GetAtomWithIdx(3).GetProp("note") == "a centre"
    assert not job.mol.NeedsUpdatePropertyCache()
    if coarse:
        assert np.array_equal(coords_of(job.mol), coords_of(mol))  # to the last digit
    else:
        assert job.mol.GetNumConformers() == 0


def test_messages_go_through_a_connection() -> None:
    ours, theirs = Pipe()
    params = EBD(randomSeed=3, coordMap={1: (0.0, 1.0, 2.0)})
    send(ours, Start(params, True))
    arrived = receive(theirs)
    assert (arrived.params, arrived.served) == (params, True)
    ours.close()
    with pytest.raises(EOFError):
        receive(theirs)
