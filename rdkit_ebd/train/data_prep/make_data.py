"""How is training data made where there is little? Molecules are chosen, embedded, relaxed by a teacher, judged.

The choice and the finished shards lie in a work folder: after a kill at any moment the same command continues, and ends
with the data set that it would have made undisturbed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
from rdkit import Chem, rdBase
from tqdm import tqdm

from rdkit_ebd.data.record import parse_smiles
from rdkit_ebd.potentials import get_potential
from rdkit_ebd.runtime.deadline import NEVER, Deadline
from rdkit_ebd.runtime.process_map import in_processes
from rdkit_ebd.runtime.whole_file import write_whole
from rdkit_ebd.train.data_prep.choosing import Chosen, MakeDataConfig, choose
from rdkit_ebd.train.data_prep.coverage import Environment
from rdkit_ebd.train.data_prep.minima import (
    Embedder,
    etkdg_conformers,
    relax_all,
    save_entries,
    starting_points,
    write_arrays,
)

_PER_CONFORMER = ("coords", "start_coords", "energy", "max_force")
_PER_MOLECULE = ("smiles", "inchikey14", "title", "level", "n_atoms", "n_confs")


@dataclass(frozen=True)
class Summary:
    """What a data set holds: molecules and conformers, molecules still to do, conformers lost by cause."""

    molecules: int
    conformers: int
    waiting: int
    lost: Counter[str]


def make_data(
    smiles: Sequence[str],
    out: Path,
    config: MakeDataConfig,
    kept_back: Callable[[str], bool] = lambda block: False,
    known: Counter[Environment] | None = None,
    embed: Embedder = etkdg_conformers,
    workers: int = 1,
    deadline: Deadline = NEVER,
) -> Summary:
    """Make a data set, or continue to make it, and write what there is of it.

    Args:
        smiles: Candidates.
        out: The `.npz` to write, for `rdkit_ebd.data.readers.read_records`; a work folder beside it is kept, `.work`.
        config: Settings.
        kept_back: Whether a molecule with this first InChIKey block must not be trained on.
        known: Molecules with each environment in the data that are there already.
        embed: Where conformers start from; with several workers a function of a module.
        workers: Processes, one thread each; one is right for a GPU.
        deadline: No shard is begun after it.

    Raises:
        ValueError: The work folder was begun with other settings, with molecules that are kept back now, there is
            nothing to make, or no such teacher.
        ImportError: The teacher's package is missing.
    """
    work = out.with_suffix(".work")
    chosen = _resumed_choice(work, smiles, config, kept_back, known or Counter(), embed)
    parts = [chosen[k : k + config.shard] for k in range(0, len(chosen), config.shard)]
    files = [work / f"{number:05d}.npz" for number in range(len(parts))]
    waiting = [(part, path) for part, path in zip(parts, files, strict=True) if not path.exists()]
    for _ in tqdm(_treated(waiting, config, embed, workers, deadline), out.stem, len(waiting), unit=" shards"):
        pass
    left = sum(len(part) for part, path in zip(parts, files, strict=True) if not path.exists())
    return assemble([path for path in files if path.exists()], out, left)


def make_shard(part: Sequence[Chosen], path: Path, config: MakeDataConfig, embed: Embedder) -> None:
    """Embed, relax and judge some molecules and write what is kept."""
    lost: Counter[str] = Counter()
    mols, starts = [], []
    with rdBase.BlockLogs():
        for one in part:
            mol = parse_smiles(Chem.MolToSmiles(Chem.AddHs(Chem.MolFromSmiles(one.smiles))))
            assert mol is not None, one.smiles
            seed = crc32(f"{config.seed} {one.smiles}".encode()) >> 1  # whatever else is chosen
            try:
                made = starting_points(mol, config.confs, seed, embed)
            except (RuntimeError, ValueError) as error:  # one that trips RDKit must not stop the others
                lost[f"error ({str(error).strip().splitlines()[0]})"] += 1
                continue
            lost["no conformer to begin with"] += not made
            mols.append((mol, one.inchikey14, one.group))
            starts.append(made)
        entries, unfit = relax_all(mols, starts, get_potential(config.teacher), config.tolerance)
    save_entries(path, entries, config.teacher, json.dumps(+(lost + unfit)))


def assemble(files: Sequence[Path], out: Path, waiting: int = 0) -> Summary:
    """Write one data set of shards, in the order of their choice."""
    lost, arrays = Counter[str](), dict[str, list[np.ndarray]]()
    for path in files:
        with np.load(path) as data:
            for name in (*_PER_MOLECULE, *_PER_CONFORMER):
                arrays.setdefault(name, []).append(data[name])
            lost.update(json.loads(str(data["lost"][0])))
    whole = {name: np.concatenate(parts) for name, parts in arrays.items()}
    if whole:
        write_arrays(out, whole)
    molecules, conformers = len(whole.get("smiles", ())), len(whole.get("energy", ()))
    return Summary(molecules, conformers, waiting, lost)


def _treated(
    waiting: Sequence[tuple[Sequence[Chosen], Path]],
    config: MakeDataConfig,
    embed: Embedder,
    workers: int,
    deadline: Deadline,
) -> Iterator[Path]:
    """Make shards, one after the other or in several processes, and say which are done."""
    if workers == 1:
        for part, path in waiting:
            if deadline.passed:
                return
            make_shard(part, path, config, embed)
            yield path
        return
    for place, _ in in_processes(partial(partial, _in_time, config, embed, deadline), waiting, workers):
        yield waiting[place][1]


def _in_time(config: MakeDataConfig, embed: Embedder, deadline: Deadline, task: tuple[Sequence[Chosen], Path]) -> None:
    if not deadline.passed:
        make_shard(*task, config, embed)


def _resumed_choice(
    work: Path,
    smiles: Sequence[str],
    config: MakeDataConfig,
    kept_back: Callable[[str], bool],
    known: Counter[Environment],
    embed: Embedder,
) -> list[Chosen]:
    """The choice that the work folder was begun with; a new one if it is new."""
    path = work / "choice.json"
    settings = json.loads(json.dumps({**asdict(config), **_inputs(smiles, known, embed)}))
    if path.exists():
        begun = json.loads(path.read_text())
        changed = [name for name, value in settings.items() if value != begun.get(name, value)]
        if changed:
            raise ValueError(f"{work} was begun with other {', '.join(changed)}: remove it or write elsewhere")
        chosen = [Chosen(**one) for one in begun["chosen"]]
        if barred := [one.smiles for one in chosen if kept_back(one.inchikey14)]:
            raise ValueError(
                f"{work} was begun with {len(barred)} molecules that are kept back now, such as {barred[0]}: "
                "remove it or write elsewhere"
            )
        return chosen
    chosen = choose(smiles, config, kept_back, known)
    if not chosen:
        raise ValueError(
            f"of {len(smiles)} candidates none is to be made: they do not parse (SMILES in the first column, spaces "
            "between columns), are in no group asked for, too large, kept back, or nothing for the teacher"
        )
    work.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({**settings, "chosen": [asdict(one) for one in chosen]}, indent=1))
    return chosen


def _inputs(smiles: Sequence[str], known: Counter[Environment], embed: Embedder) -> dict[str, str]:
    """What beside the settings decides about the data, as digests and names."""
    return {
        "candidates": _digest(smiles),
        "covered": _digest(sorted(f"{environment} {count}" for environment, count in known.items())),
        "embedder": str(getattr(embed, "__name__", embed)),
    }


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
