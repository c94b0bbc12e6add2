"""Files as strangers may write them: sound ones of every kind, damaged at random, the same for the same number."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile
from argparse import Namespace
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers import DRUGS, TINY, embedded, tiny_vocabulary
from rdkit import Chem

from rdkit_ebd.generators.checkpoint import make_network, save_model
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.model_config import ModelConfig

NUMBERS = (0, 1, -1, 2, 7, 255, 999, 65_536, 2**31 - 1, 2**31, -(2**31), 2**32, 2**63, 10**30, 1e308, -0.0, 1e-300)
VALUES = (*NUMBERS, None, True, "", "x", "\x00", "é", "nan", [], {}, [[]], float("nan"), float("inf"), "A" * 10_000)
SMILES_PARTS = (
    *"CNOPSFIBcnops()[]=#@+-./\\%0123456789:*>",
    *(
        "Cl",
        "Br",
        "[nH]",
        "@@",
        "[C@H]",
        "%99",
        "[Xe]",
        "[13C]",
        "[2H]",
        "->",
        "|",
        "é",
        "\u2028",
        "\x00",
        "\t",
        "C" * 300,
    ),
    *("(" * 200, "[" * 50, "=" * 20, "1" * 30, "[Fe+99]", "[C@SP1]", "[999C]", "C1CC1" * 40, ":9999999999"),
)
SD_PARTS = (
    *(
        "999",
        "-1",
        " 0",
        "1e99",
        "nan",
        "é",
        "\x00",
        "\t",
        "M  END\n",
        "$$$$\n",
        "V3000",
        "M  CHG  8  99  99\n",
        "> <x>\n",
    ),
    *("M  RGP  1   1   1\n", "M  V30 COUNTS 99999999 0 0 0 0\n", "M  STY  1   1 SUP\n", "\n\n", " " * 200, "9" * 80),
)


def make_cases(folder: Path, count: int) -> list[tuple[str, Path]]:
    """Write so many files of each kind: (kind, path)."""
    cases = []
    for kind, make in KINDS.items():
        for number in range(count):
            chance = random.Random(f"{kind} {number}")
            path = folder / f"{kind}-{number}{SUFFIXES[kind]}"
            path.write_bytes(make(chance))
            if kind == "geom":
                summary = folder / f"summary_{number}.json"
                summary.write_text(json.dumps({"CCO": {"pickle_path": path.name}}))
                path = summary
            cases.append((kind, path))
    return cases


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Bytes with bits flipped, pieces cut out, doubled, or taken for numbers."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(max(1, len(data)))
        how = chance.randrange(6)
        if how == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif how == 1:
            data[at : at + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(1, 9))
        elif how == 2:
            del data[at : at + chance.choice((1, 4, 100))]
        elif how == 3:
            data[at:at] = data[at : at + chance.choice((1, 16, 500))]
        elif how == 4:
            data[at : at + 4] = struct.pack(
                chance.choice("<>") + "I", chance.choice((0, 1, 255, 65_536, 2**31, 2**32 - 1))
            )
        else:
            del data[at:]
    return bytes(data)


def _smiles(chance: random.Random) -> bytes:
    text = chance.choice(list(DRUGS.values()))
    for _ in range(chance.choice((1, 1, 2, 3, 10))):
        at, end = sorted(chance.randrange(len(text) + 1) for _ in "ab")
        text = chance.choice(
            (
                text[:at] + chance.choice(SMILES_PARTS) + text[at:],
                text[:at] + text[at + 1 :],
                text[:at] + text[at:end] * 2 + text[end:],
                text[at:end] + text[:at],
            )
        )
    return f"{text} name\nCCO good\n".encode("utf-8", "surrogatepass")


@lru_cache
def _records() -> list[str]:
    mols = [embedded(name, 1) for name in ("aspirin", "captopril", "nicotine")]
    v3000 = [Chem.MolToV3KMolBlock(mol) + ">  <dose>  (1)\n5 mg\n\n$$$$\n" for mol in mols]
    return [*(Chem.SDWriter.GetText(mol) for mol in mols), *v3000]


def _sdf(chance: random.Random) -> bytes:
    text = chance.choice(_records())
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(text))
        lines = text.splitlines(keepends=True)
        line = chance.randrange(len(lines)) if lines else 0
        text = (
            chance.choice(
                (
                    text[:at] + chance.choice(SD_PARTS) + text[at:],
                    text[:at] + chance.choice(SD_PARTS) + text[at + 3 :],
                    "".join([*lines[:line], *lines[line + 1 :]]),
                    "".join([*lines[:line], *lines[line : line + 1] * 2, *lines[line:]]),
                    damaged(text.encode(), chance).decode("utf-8", "replace"),
                )
            )
            or "x"
        )
    return f"{text}\n$$$$\n{_records()[0]}".encode("utf-8", "surrogatepass")


@lru_cache
def _geom_pickle() -> bytes:
    mol = embedded("aspirin", 2)
    found = [
        {"rd_mol": Chem.Mol(mol, False, c.GetId()), "relativeenergy": np.float64(0.5)} for c in mol.GetConformers()
    ]
    return pickle.dumps({"conformers": found, "totalconfs": 2}, 2)


def _geom(chance: random.Random) -> bytes:
    return damaged(_geom_pickle(), chance)


def _msgpack(chance: random.Random) -> bytes:
    import msgpack

    mol = embedded("aspirin", 2)
    numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    rows = [[[n, *xyz] for n, xyz in zip(numbers, c.GetPositions().tolist(), strict=True)] for c in mol.GetConformers()]
    content: Any = {DRUGS["aspirin"]: {"conformers": [{"xyz": x, "relativeenergy": 0.5} for x in rows]}}
    if chance.random() < 0.5:
        return damaged(msgpack.packb(content), chance)
    return bytes(msgpack.packb(_spoiled(content, chance, (*(v for v in VALUES if not isinstance(v, int)), 3, 2**40))))


def _settings(chance: random.Random) -> bytes:
    value = Namespace(inner={"a": [1.5, None, "x"]}, rate=np.float64(0.1), size=(1, 2), raw=b"abc", kinds={1, 2})
    content = pickle.dumps(value, chance.randrange(6))
    if chance.random() < 0.4:
        words = [w.encode() for w in ("cos\nsystem\n", "cnumpy\ndtype\n", "cbuiltins\nbytearray\n", "ctorch\nload\n")]
        words += [b"R", b"b", b"(", b"t", b"]", b"}", b"0", b"2", b"\x85", b"\x86", b"\x81", b"a", b"s", b"u", b"."]
        words += [
            b"r\xff\xff\xff\x7f",
            b"j\xff\xff\xff\x7f",
            b"\x8b\xff\xff\xff\x7f",
            b"K\x05",
            b"N",
            b"X\x02\x00\x00\x00V8",
        ]
        content = b"\x80\x02" + b"".join(chance.choices(words, k=chance.randrange(1, 40))) + b"."
    return damaged(content, chance) if chance.random() < 0.7 else content


def _checkpoint(chance: random.Random) -> bytes:
    stream = io.BytesIO()
    content = {"model": torch.nn.Linear(3, 2).state_dict(), "config": {"a": 1}, "half": torch.ones(3).half()}
    torch.save(content, stream, _use_new_zipfile_serialization=chance.random() < 0.8)
    whole = stream.getvalue()
    if chance.random() < 0.5 or not zipfile.is_zipfile(io.BytesIO(whole)):
        return damaged(whole, chance)
    return _repacked(whole, chance)


def _repacked(whole: bytes, chance: random.Random) -> bytes:
    """An archive with an entry damaged, whose own sums are right."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(packed, "w") as target:
        names = source.namelist()
        chosen = chance.choice([*names, *(name for name in names if name.endswith((".pkl", ".npy")))])
        for name in names:
            content = source.read(name)
            target.writestr(name, damaged(content, chance) if name == chosen else content)
    return packed.getvalue()


@lru_cache
def _data_set() -> bytes:
    mol, stream = embedded("aspirin", 2), io.BytesIO()
    coords = np.concatenate([c.GetPositions() for c in mol.GetConformers()])
    arrays = {"smiles": np.array([Chem.MolToSmiles(mol)]), "title": np.array(["aspirin"]), "n_confs": np.array([2])}
    milli = (1000 * coords).astype(np.int16)
    np.savez(stream, **arrays, n_atoms=np.array([mol.GetNumAtoms()]), coords=milli, energy=np.zeros(2))
    return stream.getvalue()


def _npz(chance: random.Random) -> bytes:
    return damaged(_data_set(), chance) if chance.random() < 0.4 else _repacked(_data_set(), chance)


@lru_cache
def _model() -> bytes:
    config = ModelConfig(
        "tiny", TINY, BlurConfig("fragments", 0.25, "constant"), tiny_vocabulary().to_dict(), (1, 6, 7, 8)
    )
    path = (
        Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / f"fuzz-{random.SystemRandom().random()}.safetensors"
    )
    try:
        save_model(path, config, make_network(config).state_dict())
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)


def _safetensors(chance: random.Random) -> bytes:
    content = _model()
    if chance.random() < 0.3:
        return damaged(content, chance)
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    if chance.random() < 0.7:
        config = _spoiled(json.loads(header["__metadata__"]["config"]), chance, VALUES)
        header["__metadata__"]["config"] = json.dumps(config)
    else:
        header = _spoiled(header, chance, VALUES)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


def _manifest(chance: random.Random) -> bytes:
    from rdkit_ebd.runtime.journal import Journal

    path = Path("/tmp") / f"fuzz-{random.SystemRandom().random()}.jsonl"
    try:
        with Journal(path, {"seed": 42}) as journal:
            for number in range(3):
                journal.add({"part": number, "tally": {"counts": {"records": 2}}})
        content = path.read_bytes()
    finally:
        path.unlink(missing_ok=True)
    if chance.random() < 0.2:
        return b"[" * 200_000 + b"\n"
    return damaged(content, chance)


def _spoiled(value: Any, chance: random.Random, values: tuple[Any, ...]) -> Any:
    """Nested values with one of them, at whatever depth, put in another's place or left out."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(list(value))
        if chance.random() < 0.1:
            return {key: entry for key, entry in value.items() if key != name}
        return {**value, name: _spoiled(value[name], chance, values)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        return [*value[:at], _spoiled(value[at], chance, values), *value[at + 1 :]]
    return chance.choice(values)


KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "smiles": _smiles,
    "sdf": _sdf,
    "geom": _geom,
    "settings": _settings,
    "msgpack": _msgpack,
    "checkpoint": _checkpoint,
    "npz": _npz,
    "safetensors": _safetensors,
    "manifest": _manifest,
}
SUFFIXES = {
    **{"smiles": ".smi", "sdf": ".sdf", "geom": ".pickle", "settings": ".pickle", "msgpack": ".msgpack"},
    **{"checkpoint": ".pt", "npz": ".npz", "safetensors": ".safetensors", "manifest": ".jsonl"},
}
