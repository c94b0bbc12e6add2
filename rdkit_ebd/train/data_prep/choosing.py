"""Which molecules are data made of? Of those given, and of what grafting makes of them, in the order of coverage."""

from __future__ import annotations

import gzip
import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom
from rdkit.Chem.rdinchi import MolToInchiKey
from tqdm import tqdm

from rdkit_ebd.potentials import get_potential
from rdkit_ebd.train.data_prep.coverage import Candidate, Environment, by_coverage, environments
from rdkit_ebd.train.data_prep.grafting import grafts
from rdkit_ebd.train.data_prep.groups import GROUPS, SHARES, atom_count, groups_of
from rdkit_ebd.train.data_prep.making import MADE, ion_of

_HEX_DIGITS = 16  # of a sha256 that are compared: of 10^5 molecules two alike have one chance in 10^9
_HASH = re.compile(f"[0-9a-fA-F]{{{_HEX_DIGITS},64}}")
_SECONDS = 10  # for the conformer that settles the stereo of a molecule


@dataclass(frozen=True)
class MakeDataConfig:
    """What is made.

    Attributes:
        teacher: A potential; it is also the data set's level of theory.
        groups: Of `GROUPS`, which take turns.
        molecules: Molecules in all.
        confs: Conformers of a flexible molecule that are relaxed; one more where rings can flip, one of a rigid one.
        max_atoms: Molecules with more, hydrogens included, are passed over.
        grafts: Molecules per graft of `grafting`, 0 for none.
        made: Molecules of each kind of `making`, and ions of candidates, 0 for none.
        tolerance: Largest force left on an atom, kcal/mol/angstrom, where the teacher can be asked for one.
        shard: Molecules that are treated together and make a file.
        seed: Of the choice and of the conformers.
    """

    teacher: str = "AIMNet2"
    groups: tuple[str, ...] = GROUPS
    molecules: int = 1000
    confs: int = 2
    max_atoms: int = 70
    grafts: int = 100
    made: int = 300
    tolerance: float = 0.7
    shard: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.groups) - set(GROUPS))
        if unknown or not self.groups:
            raise ValueError(f"unknown groups {unknown}: there are {', '.join(GROUPS)}")
        low = [name for name in ("molecules", "confs", "max_atoms", "shard") if getattr(self, name) < 1]
        if low or min(self.grafts, self.made) < 0 or not self.tolerance > 0:
            raise ValueError(f"{', '.join(low) or 'grafts, made or tolerance'} out of range")


@dataclass(frozen=True)
class Chosen:
    """A molecule to treat: SMILES with all stereo settled, first InChIKey block, group."""

    smiles: str
    inchikey14: str
    group: str


def choose(
    smiles: Sequence[str],
    config: MakeDataConfig,
    kept_back: Callable[[str], bool] = lambda block: False,
    known: Counter[Environment] | None = None,
) -> list[Chosen]:
    """Choose molecules by coverage, the groups taking turns, those made by grafting among them.

    Passed over are those that do not parse or have several components, isotopes or too many atoms, repetitions, what
    the teacher cannot treat, and what is kept back.
    """
    potential = get_potential(config.teacher)
    potential.obstacle(Chem.AddHs(Chem.MolFromSmiles("C")))  # before hours of work: is it there?
    with rdBase.BlockLogs():
        pools = _pools(smiles, config)
        taken: dict[str, Chosen] = {}

        def accept(one: Candidate) -> bool:
            mol = _settled(Chem.MolFromSmiles(one.smiles), config.seed)
            block = _block(mol) if mol is not None else ""
            if not block or block in taken or kept_back(block) or potential.obstacle(Chem.AddHs(mol)):
                return False
            taken[block] = Chosen(Chem.MolToSmiles(mol), block, one.group)
            return True

        for _ in by_coverage(pools, known or Counter(), accept, config.seed, SHARES):
            if len(taken) == config.molecules:
                break
    return list(taken.values())


def held_back(paths: Collection[Path]) -> Callable[[str], bool]:
    """A test of first InChIKey blocks against files of their sha256, one a line, of which 16 hex digits are enough.

    Lines that begin with "#" are comments.

    Raises:
        ValueError: A file holds no hashes, or something else: what it means to hold back would be trained on.
    """
    hashes = {one for path in paths for one in _hashes(path)}
    return lambda block: hashlib.sha256(block.encode()).hexdigest()[:_HEX_DIGITS] in hashes


def _hashes(path: Path) -> set[str]:
    """What is compared of each line of a file."""
    stripped = enumerate((line.strip() for line in path.read_text().splitlines()), 1)
    lines = [(number, line) for number, line in stripped if line and not line.startswith("#")]
    for number, line in lines:
        if not _HASH.fullmatch(line):
            raise ValueError(f"{path}, line {number}: {line[:40]!r} is no sha256 of {_HEX_DIGITS} to 64 hex digits")
    if not lines:
        raise ValueError(f"{path} holds no hashes")
    return {line[:_HEX_DIGITS].lower() for _, line in lines}


def read_smiles(path: Path) -> list[str]:
    """The first column of a text file, also .gz, without its heading if it has one."""
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        words = [line.split()[0] for line in stream if line.strip()]
    return words[1:] if words and words[0].lower() == "smiles" else words


def _pools(smiles: Sequence[str], config: MakeDataConfig) -> dict[str, list[Candidate]]:
    pools: dict[str, list[Candidate]] = {name: [] for name in config.groups}
    bases = []
    for word in tqdm(smiles, "reading", unit=" molecules", leave=False):
        mol = Chem.MolFromSmiles(word)
        if mol is not None and _fits(mol, config):
            bases.append(mol)
            for group in groups_of(mol):
                if group in pools:
                    pools[group].append(_candidate(mol, group))
    for name, mol in grafts(bases, config.grafts) if config.grafts else ():
        if _fits(mol, config):
            pools.setdefault(f"graft {name}", []).append(_candidate(mol, f"graft {name}"))
    for name, mol in _made(bases, config):
        pools.setdefault(f"made {name}", []).append(_candidate(mol, f"made {name}"))
    return {name: pool for name, pool in pools.items() if pool}


def _made(bases: Sequence[Chem.Mol], config: MakeDataConfig) -> Iterator[tuple[str, Chem.Mol]]:
    """(kind, molecule) of those put together here, and of ions of the candidates."""
    for name, maker in MADE.items():
        words = islice(maker(random.Random(config.seed)), config.made)
        yield from ((name, mol) for word in words if (mol := Chem.MolFromSmiles(word)) and _fits(mol, config))
    ions = (ion for mol in bases if (ion := ion_of(mol)) is not None and _fits(ion, config))
    yield from (("ion", ion) for ion in islice(ions, config.made))


def _candidate(mol: Chem.Mol, group: str) -> Candidate:
    return Candidate(Chem.MolToSmiles(mol), group, environments(mol), atom_count(mol))


def _fits(mol: Chem.Mol, config: MakeDataConfig) -> bool:
    plain = not any(atom.GetIsotope() or atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())
    return plain and len(Chem.GetMolFrags(mol)) == 1 and 1 < atom_count(mol) <= config.max_atoms


def _settled(mol: Chem.Mol, seed: int) -> Chem.Mol | None:
    """One stereoisomer of a molecule, for conformers of one entry must be of one molecule; None where none is found.

    Open stereo is settled by a first conformer: of the isomers that a cage has on paper most cannot be made.
    """
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    open_ends = Chem.StereoSpecified.Unspecified
    if all(info.specified != open_ends for info in Chem.FindPotentialStereo(mol)):
        return mol
    full = Chem.AddHs(mol)
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.timeout = seed, _SECONDS
    if rdDistGeom.EmbedMolecule(full, parameters) < 0:
        return None
    Chem.AssignStereochemistryFrom3D(full)
    return Chem.RemoveHs(Chem.Mol(full, True))


def _block(mol: Chem.Mol) -> str:
    return str(MolToInchiKey(mol)).partition("-")[0]
