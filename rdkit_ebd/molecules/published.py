"""How do imported models of the published EDM draw molecules? In a thousand steps, as `StreamGenerated` asks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from rdkit_ebd._param_kinds import number, optional, whole
from rdkit_ebd._version import __version__
from rdkit_ebd.arrays.random_streams import mix
from rdkit_ebd.chem.provenance import set_provenance
from rdkit_ebd.generators.edm.published.model import MOST_ATOMS, PublishedModel, is_published, load_published
from rdkit_ebd.generators.edm.published.sampler import Drawn, draw_molecules, draw_sizes
from rdkit_ebd.molecules.decode import decoded
from rdkit_ebd.molecules.ensemble import ensemble_of
from rdkit_ebd.molecules.generate_report import Generated
from rdkit_ebd.molecules.likelihood import normalised
from rdkit_ebd.molecules.wanted import NumAtoms, check_mapping, span
from rdkit_ebd.runtime.threads import torch_threads


def is_published_file(model: str) -> bool:
    """Whether a model is the file of an imported EDM."""
    return Path(model).is_file() and is_published(model)


def stream_published(
    count: int,
    model: str,
    num_atoms: NumAtoms,
    conditions: Mapping[str, float | None] | None,
    seed: int,
    steps: int | None,
    embed: int,
    device: str,
    threads: int,
    batch: int,
) -> Iterator[Generated]:
    """Draw molecules with an imported EDM; arguments as those of `StreamGenerated`.

    Raises:
        ValueError: The model knows no such size, or conditions do not fit it; a property needs a value.
    """
    loaded = load_published(model, device)
    sizes = _sizes(loaded, num_atoms)
    check_mapping({} if conditions is None else conditions)
    given = {name: number()(f"conditions[{name!r}]", value) for name, value in (conditions or {}).items()}
    normalised(loaded, given, 1)
    optional(whole(1, loaded.config.process.timesteps))("numSteps", steps)
    chosen = secrets.randbits(31) if seed == -1 else seed
    return _drawn(count, loaded, sizes, given, chosen, steps, embed, threads, batch)


def _sizes(model: PublishedModel, num_atoms: NumAtoms) -> dict[int, int]:
    least, most = span(num_atoms)
    known = model.config.sizes
    if known:
        if sizes := {atoms: count for atoms, count in known.items() if least <= atoms <= most and count}:
            return sizes
        raise ValueError(f"numAtoms: {model.config.name} was trained on {min(known)} to {max(known)} atoms")
    if num_atoms is None:
        name = model.config.name
        raise ValueError(f"numAtoms: {name} does not say how large its training molecules were; a number is needed")
    if most > MOST_ATOMS:
        raise ValueError(f"numAtoms must be at most {MOST_ATOMS}, not {most}")
    return dict.fromkeys(range(least, most + 1), 1)


def _drawn(
    count: int,
    model: PublishedModel,
    sizes: dict[int, int],
    given: Mapping[str, float],
    seed: int,
    steps: int | None,
    embed: int,
    threads: int,
    batch: int,
) -> Iterator[Generated]:
    for start in range(0, count, batch):
        part = range(start, min(start + batch, count))
        atoms = [draw_sizes(sizes, 1, mix(seed, index))[0] for index in part]
        told = normalised(model, given, len(part))
        with torch_threads(threads):
            drawn = draw_molecules(model, atoms, [mix(seed, index) for index in part], told, steps)
        for index, one in zip(part, drawn, strict=True):
            yield _decoded(model, one, index, given, seed, embed)


def _decoded(
    model: PublishedModel, drawn: Drawn, index: int, given: Mapping[str, float], seed: int, embed: int
) -> Generated:
    mol, cause = decoded(drawn.numbers, drawn.coords)
    set_provenance(
        mol.GetConformer(),
        version=__version__,
        model=model.config.name,
        weights=model.weights_hash,
        seed=seed,
        index=index,
        stage="generated",
    )
    for name, value in given.items():
        mol.SetProp(f"wanted_{name}", f"{value:.6g}")
    return Generated(index, mol, cause, ensemble_of(mol, embed, seed) if embed and cause is None else None)
