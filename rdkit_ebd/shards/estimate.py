"""How long will a run take, and what will it cost? What a sample of its molecules takes says it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rdkit_ebd.runtime.crew import Crew, Lost, SetUp
from rdkit_ebd.shards.chunks import Chunk, Library, Slice

SAMPLE, RUN = 200, 10  # molecules that are tried, so many behind one another at places all over the input


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to take.

    Attributes:
        molecules: In the input.
        chunks: They are cut into.
        sampled: Molecules that were tried.
        seconds: Of one core, for a molecule.
        error: Of that, the half width of the interval that holds the mean 19 times of 20.
        conformers: Of a molecule.
        failures: Share of the molecules.
        size: Bytes of a conformer.
        cores: That work on it.
        price: Of a core for an hour; None: not known.
    """

    molecules: int
    chunks: int
    sampled: int
    seconds: float
    error: float
    conformers: float
    failures: float
    size: float
    cores: int
    price: float | None = None

    @property
    def core_hours(self) -> float:
        """Of the whole run."""
        return self.molecules * self.seconds / 3600

    def lines(self) -> list[str]:
        """What a reader is shown."""
        hours = self.core_hours / max(self.cores, 1)
        total = self.molecules * self.conformers
        cost = f", {self.core_hours * self.price:,.2f} at {self.price:g} a core and hour" if self.price else ""
        error = f" +- {self.error:.2g}" if math.isfinite(self.error) else ""  # of one piece there is none
        return [
            f"{self.molecules:,} molecules in {self.chunks:,} chunks",
            f"sample of {self.sampled}: {self.seconds:.3g}{error} s of one core a molecule, "
            f"{self.conformers:.3g} conformers, {100 * self.failures:.2g} % with fewer than wanted",
            f"{self.core_hours:,.3g} core hours: {hours:,.3g} h on {self.cores:,} cores{cost}",
            f"{total:,.0f} conformers, {total * self.size / 1e9:,.3g} GB ({self.size:.0f} bytes each)",
        ]


def estimate(
    library: Library, chunk: int, crew: Crew, set_up: SetUp, cores: int, price: float | None = None
) -> Estimate:
    """Try a sample of a library on a crew.

    Args:
        library: It.
        chunk: Molecules in a chunk.
        crew: Who does it.
        set_up: Of chunks, with nowhere to write to.
        cores: That will work on the whole.
        price: Of a core for an hour.

    Raises:
        ValueError: There are no molecules.
        RuntimeError: The sample could not be done.
    """
    total = library.count()
    if not total:
        raise ValueError("there are no molecules")
    records = []
    for piece, answer in crew.answers(set_up, sampled(library, total)):
        if isinstance(answer, Lost):
            raise RuntimeError(f"the molecules from {piece.first} on killed every worker: {answer.how}")
        records.append(answer.record)
    entries = np.array([record["entries"] for record in records])
    means = np.array([record["seconds"] for record in records]) / entries
    conformers = sum(record["conformers"] for record in records)
    return Estimate(
        total,
        math.ceil(total / chunk),
        int(entries.sum()),
        float(np.average(means, weights=entries)),
        1.96 * float(means.std(ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else math.nan,
        conformers / entries.sum(),
        sum(record["failures"] for record in records) / max(1, sum(record["molecules"] for record in records)),
        sum(record["size"] for record in records) / max(1, conformers),
        cores,
        price,
    )


def sampled(library: Library, total: int, wanted: int = SAMPLE, run: int = RUN) -> Iterator[Chunk]:
    """Some molecules from all over a library, as small chunks."""
    places = max(1, min(wanted, total) // run)
    firsts = {total * k // places: k for k in range(places)}
    current: Chunk | None = None
    for position, (file, kind, text) in enumerate(library.texts()):
        if position in firsts:
            if current is not None:
                yield current
            current = Chunk(position, ())
        if current is not None and len(current) < run:
            current = replace(current, slices=(*current.slices, Slice(file, kind, (text,))))
    if current is not None:
        yield current
