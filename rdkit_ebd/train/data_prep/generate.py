"""How is training data made where there is little? Chosen molecules, embedded, minimised with GFN2-xTB, judged, kept.

Each molecule's result is a file of its own in a work folder, whole or not there: after a kill at any moment the same
command goes on, and ends with the data set that it would have made undisturbed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from itertools import chain, zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom
from rdkit.Chem.rdinchi import MolToInchiKey
from rdkit.Chem.rdMolDescriptors import CalcNumRotatableBonds
from tqdm import tqdm

from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.data.record import MILLIANGSTROM, parse_smiles
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import judge
from rdkit_ebd.potentials import Potential, get_potential
from rdkit_ebd.runtime.deadline import Deadline
from rdkit_ebd.runtime.whole_file import whole_file, write_whole

CLASSES: dict[str, Callable[[Chem.Mol], bool]] = {
    "elements": lambda mol: any(atom.GetSymbol() in ("B", "Si", "Se", "I") for atom in mol.GetAtoms()),
    "flexible": lambda mol: 8 <= CalcNumRotatableBonds(mol) <= 15,
    "rings": lambda mol: any(len(ring) >= 8 for ring in mol.GetRingInfo().AtomRings()),
    "small": lambda mol: _size(mol) < 16,
}
SAME_SHAPE, SAME_ENERGY = 0.1, 0.05  # angstrom of heavy atoms and kcal/mol; twins are alike in both
ITERATIONS = 1000
SEED_SECONDS = 60  # per molecule
_FARTHEST = np.iinfo(np.int16).max * MILLIANGSTROM  # angstrom from the centre that the format can hold


@dataclass(frozen=True)
class GenerateConfig:
    """What is made.

    Attributes:
        classes: Of `CLASSES`; each gets an equal share as far as there are molecules.
        molecules: Molecules in all.
        confs: ETKDG conformers per molecule; as many or fewer minima are kept.
        method: A potential; it is also the data set's level of theory.
        max_atoms: Molecules with more, hydrogens included, are passed over.
        seed: Of the choice and of the conformers.
    """

    classes: tuple[str, ...] = tuple(CLASSES)
    molecules: int = 200
    confs: int = 4
    method: str = "GFN2-xTB"
    max_atoms: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.classes) - set(CLASSES))
        if unknown or not self.classes:
            raise ValueError(f"unknown classes {unknown}: there are {', '.join(CLASSES)}")
        low = [name for name in ("molecules", "confs", "max_atoms") if getattr(self, name) < 1]
        if low:
            raise ValueError(f"{', '.join(low)} must be at least 1")


@dataclass(frozen=True)
class Chosen:
    """A molecule to treat: SMILES as given, first InChIKey block, and a title that tells its class and line."""

    smiles: str
    inchikey14: str
    title: str


@dataclass(frozen=True)
class Minima:
    """What became of one molecule.

    Attributes:
        smiles: With explicit hydrogens, in the order of the coordinates, open stereo settled by the first conformer.
        coords: (K, N, 3) angstrom, centred, lowest energy first.
        energy: (K,) kcal/mol.
        lost: Conformers that are not among them, by cause.
    """

    smiles: str
    coords: np.ndarray
    energy: np.ndarray
    lost: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Summary:
    """What a data set holds: molecules and conformers, molecules still to do, conformers lost by cause."""

    molecules: int
    conformers: int
    waiting: int
    lost: Counter[str]


def generate(
    seeds: Path,
    out: Path,
    config: GenerateConfig,
    kept_back: Collection[str] = (),
    workers: int = 1,
    max_minutes: float = float("inf"),
) -> Summary:
    """Make a data set, or go on making it, and write what there is of it.

    Args:
        seeds: SMILES in the first column of a text file, also .gz.
        out: The `.npz` to write, for `train.dataset.read_records`; beside it a work folder is kept, `.work`.
        config: Settings.
        kept_back: First InChIKey blocks of molecules that must not be trained on.
        workers: Processes, one thread each.
        max_minutes: No molecule is begun after so long.

    Raises:
        ValueError: The work folder was begun with other settings.
        ImportError: The method's package is missing.
    """
    deadline = Deadline(time.monotonic() + 60 * max_minutes)
    work = out.with_suffix(".work")
    chosen = _resumed_choice(work, seeds, config, kept_back)
    tasks = [(one, config, path, deadline) for one, path in _files(work, chosen) if not path.exists()]
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _one_thread)
    try:
        futures = [pool.submit(_treat, task) for task in tasks]
        done = len(chosen) - len(tasks)
        for future in tqdm(as_completed(futures), out.stem, len(chosen), initial=done, unit=" molecules"):
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
    return assemble(work, out, chosen, config)


def choose(lines: Sequence[str], config: GenerateConfig, kept_back: Collection[str] = ()) -> list[Chosen]:
    """A seeded choice of molecules, the classes taking turns; a molecule of several counts for the one with fewest.

    Passed over are those that do not parse or have several components or too many atoms, repetitions, what the
    method cannot treat, and `kept_back`.
    """
    potential, taken = get_potential(config.method), set(kept_back)
    pools: dict[str, list[Chosen]] = {name: [] for name in config.classes}
    share = -(-config.molecules // len(pools))
    order = np.random.default_rng(config.seed).permutation(len(lines)).tolist()
    with rdBase.BlockLogs():
        for number in tqdm(order, "choosing", unit=" lines", leave=False):
            if all(len(pool) >= share for pool in pools.values()):
                break
            smiles = lines[number].split()[0]
            mol = Chem.MolFromSmiles(smiles)
            fitting = [name for name in pools if mol is not None and CLASSES[name](mol)]
            block = _block(mol, config, potential) if fitting else ""
            if block and block not in taken:
                taken.add(block)
                name = min(fitting, key=lambda name: len(pools[name]))
                pools[name].append(Chosen(smiles, block, f"{name}-{number + 1}"))
    turns = chain.from_iterable(zip_longest(*pools.values()))
    return [one for one in turns if one is not None][: config.molecules]


def make_minima(smiles: str, config: GenerateConfig) -> Minima:
    """Embed, minimise, judge and compare. Conformers that do not make it are counted by cause."""
    explicit, mol = _embedded(smiles, config)
    starts = [conformer.GetPositions() for conformer in mol.GetConformers()]
    surface = get_potential(config.method).surface(mol)
    found = [surface.minimise(start, ITERATIONS) for start in starts]
    minima = [one for one in found if one.converged]
    coords = np.array([one.coords for one in minima]).reshape(-1, mol.GetNumAtoms(), 3)
    coords -= coords.mean(axis=1, keepdims=True)
    energy = np.array([one.energy for one in minima], dtype=np.float64)
    verdict, fits = judge(coords, check_tables(mol)), np.abs(coords).max(axis=(1, 2)) < _FARTHEST
    sound = np.flatnonzero(verdict.ok & fits)
    kept = sound[distinct(coords[sound], energy[sound], symmetry_mappings(mol))]
    lost = Counter({cause.value: int(failed.sum()) for cause, failed in verdict.causes.items()})
    lost["no seed"] = config.confs - len(starts)
    lost["not converged"] = len(found) - len(minima)
    lost["too long for the format"] = int((~fits).sum())
    lost["like another"] = len(sound) - len(kept)
    return Minima(explicit, coords[kept], energy[kept], +lost)


def distinct(coords: np.ndarray, energy: np.ndarray, mappings: np.ndarray) -> np.ndarray:
    """Rows of conformers (K, N, 3) with energies (K,) without twins of a lower one, lowest first."""
    kept: list[int] = []
    for row in np.argsort(energy, kind="stable").tolist():
        near = [other for other in kept if energy[row] - energy[other] < SAME_ENERGY]
        if not near or best_rms(coords[row], coords[near], mappings).min() >= SAME_SHAPE:
            kept.append(row)
    return np.array(kept, dtype=np.int64)


def assemble(work: Path, out: Path, chosen: Sequence[Chosen], config: GenerateConfig) -> Summary:
    """Write the molecules that are done, in the order of their choice; the file appears whole or not at all."""
    done = [(one, load_minima(path)) for one, path in _files(work, chosen) if path.exists()]
    made = [(one, minima) for one, minima in done if len(minima.energy)]
    coords = [np.round(minima.coords / MILLIANGSTROM).astype(np.int16).reshape(-1, 3) for _, minima in made]
    arrays = {
        "smiles": np.array([minima.smiles for _, minima in made], dtype=np.str_),
        "inchikey14": np.array([one.inchikey14 for one, _ in made], dtype=np.str_),
        "title": np.array([one.title for one, _ in made], dtype=np.str_),
        "n_atoms": np.array([minima.coords.shape[1] for _, minima in made], dtype=np.int32),
        "n_confs": np.array([len(minima.energy) for _, minima in made], dtype=np.int32),
        "coords": np.concatenate([np.zeros((0, 3), np.int16), *coords]),
        "energy": np.concatenate([np.zeros(0), *(minima.energy for _, minima in made)]),
        "level": np.array([config.method] * len(made), dtype=np.str_),
    }
    _save(out, arrays)
    lost = sum((minima.lost for _, minima in done), Counter[str]())
    return Summary(len(made), len(arrays["energy"]), len(chosen) - len(done), lost)


def load_minima(path: Path) -> Minima:
    """Read one molecule's file."""
    with np.load(path) as data:
        lost = Counter(json.loads(str(data["lost"])))
        return Minima(str(data["smiles"]), data["coords"], data["energy"], lost)


def _treat(task: tuple[Chosen, GenerateConfig, Path, Deadline]) -> None:
    one, config, path, deadline = task
    if deadline.passed:
        return
    try:
        with rdBase.BlockLogs():
            minima = make_minima(one.smiles, config)
    except (RuntimeError, ValueError) as error:  # one that trips RDKit must not stop the others, now and at each resume
        cause = f"error ({str(error).strip().splitlines()[0]})"
        minima = Minima(one.smiles, np.zeros((0, 0, 3)), np.zeros(0), Counter({cause: config.confs}))
    _save(path, {**vars(minima), "lost": np.array(json.dumps(minima.lost))})


def _embedded(smiles: str, config: GenerateConfig) -> tuple[str, Chem.Mol]:
    """SMILES with every hydrogen, and the molecule with its atoms in that order and ETKDG conformers.

    Stereo that is left open is settled by a first conformer: those of one entry must be of one molecule.
    """
    seed = crc32(f"{config.seed} {smiles}".encode()) >> 1  # whatever else is chosen
    first = _embed(Chem.AddHs(Chem.MolFromSmiles(smiles)), 1, seed)
    if first.GetNumConformers():
        Chem.AssignStereochemistryFrom3D(first)
    explicit = Chem.MolToSmiles(first)
    mol = parse_smiles(explicit)
    assert mol is not None
    return explicit, _embed(mol, config.confs, seed)


def _embed(mol: Chem.Mol, count: int, seed: int) -> Chem.Mol:
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.timeout = seed, SEED_SECONDS
    if not len(rdDistGeom.EmbedMultipleConfs(mol, count, parameters)):
        parameters.useRandomCoords = True
        rdDistGeom.EmbedMultipleConfs(mol, count, parameters)
    return mol


def _block(mol: Chem.Mol, config: GenerateConfig, potential: Potential) -> str:
    """First InChIKey block; empty for what cannot be used."""
    if len(Chem.GetMolFrags(mol)) > 1 or _size(mol) > config.max_atoms or potential.obstacle(Chem.AddHs(mol)):
        return ""
    return str(MolToInchiKey(mol)).partition("-")[0]


def _size(mol: Chem.Mol) -> int:
    """Atoms, implicit hydrogens included."""
    return int(mol.GetNumAtoms()) + sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())


def _resumed_choice(work: Path, seeds: Path, config: GenerateConfig, kept_back: Collection[str]) -> list[Chosen]:
    """The choice that the work folder was begun with; a new one if it is new."""
    lines, path = _lines(seeds), work / "choice.json"
    settings = {**asdict(config), "seeds": _digest(lines), "kept_back": _digest(sorted(kept_back))}
    if path.exists():
        begun = json.loads(path.read_text())
        changed = [name for name, value in settings.items() if json.dumps(value) != json.dumps(begun[name])]
        if changed:
            raise ValueError(f"{work} was begun with other {', '.join(changed)}: remove it or write elsewhere")
        return [Chosen(**one) for one in begun["chosen"]]
    chosen = choose(lines, config, kept_back)
    work.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({**settings, "chosen": [asdict(one) for one in chosen]}, indent=1))
    return chosen


def _lines(path: Path) -> list[str]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        lines = [line for line in stream if line.strip()]
    return lines[1:] if lines and lines[0].split()[0].lower() == "smiles" else lines


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _files(work: Path, chosen: Sequence[Chosen]) -> list[tuple[Chosen, Path]]:
    return [(one, work / f"{number:05d}.npz") for number, one in enumerate(chosen)]


def _one_thread() -> None:
    """Molecules are treated side by side; tblite's own threads would be in each other's way."""
    os.environ["OMP_NUM_THREADS"] = "1"


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with whole_file(path) as stream:
        np.savez_compressed(stream, **arrays)
