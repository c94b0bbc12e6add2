"""How does `rdkit-ebd generate` get through its molecules? A bar, parts that outlive an interruption, a summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from rdkit_ebd.cli.common import count, progress, usage_errors
from rdkit_ebd.cli.resuming import Manifest, kept, parts_of

if TYPE_CHECKING:  # torch and RDKit are imported when they are needed: `--help` answers at once
    from rdkit_ebd.io.other_output import TextWriter
    from rdkit_ebd.io.sdf import SDFWriter
    from rdkit_ebd.molecules.generate import Plan
    from rdkit_ebd.molecules.generate_report import Generated


@dataclass
class GenerateTally:
    """What the summary counts.

    Attributes:
        drawn: Molecules asked for.
        valid: Those that are molecules.
        causes: Why the others are not.
    """

    drawn: int = 0
    valid: int = 0
    causes: dict[str, int] = field(default_factory=dict)

    def add(self, other: GenerateTally) -> None:
        """Count what another has counted."""
        self.drawn, self.valid = self.drawn + other.drawn, self.valid + other.valid
        self.causes = dict(Counter(self.causes) + Counter(other.causes))

    def count(self, generated: Generated) -> None:
        """Count one molecule."""
        self.add(GenerateTally(1, int(generated.ok), {generated.cause.name: 1} if generated.cause else {}))

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    def summary(self, seconds: float, before: int = 0) -> str:
        """One line; the rate is that of this run, `before` were drawn in earlier ones."""
        causes = ", ".join(f"{cause} {number}" for cause, number in Counter(self.causes).most_common())
        words = f"{self.valid} of {count(self.drawn, 'molecule')} valid" + (f" ({causes})" if causes else "")
        rate = f", {seconds:.1f} s ({(self.drawn - before) / seconds:.3g} mol/s)" if seconds else ""
        return words + rate


def generate_manifest(plan: Plan, number: int, core: str | None, part_size: int) -> dict[str, Any]:
    """All that determines the output, and where its parts end."""
    import torch
    from rdkit import rdBase

    from rdkit_ebd import __version__
    from rdkit_ebd.io.read import content_hash

    return {
        "--number": number,
        "--atoms": sorted({size.heavy + size.hydrogens for size in plan.wanted.sizes}),
        "conditions": [list(pair) for pair in plan.wanted.conditions],
        "--guidance": plan.guidance,
        "the SHA-256 of --core": content_hash(core) if core else None,
        "--seed": plan.seed,
        "--embed": plan.embed,
        "--steps": asdict(plan.sampling),
        "--part-size": part_size,
        "the SHA-256 of the model": plan.model.weights_hash,
        "device": str(plan.model.device),
        "--threads": plan.threads,  # the last digits may depend on it
        "the version of rdkit_ebd": __version__,
        "the version of RDKit": rdBase.rdkitVersion,
        "the version of torch": torch.__version__,
    }


def run_generate(
    plan: Plan,
    number: int,
    output: str,
    manifest: Manifest,
    repeatable: bool,
    resume: bool,
    part_size: int,
    quiet: bool,
) -> GenerateTally:
    """Draw and write, and show how it goes.

    Args:
        plan: What to draw.
        number: How many.
        output: OUTPUT.
        manifest: What determines it.
        repeatable: Whether it would come out the same again.
        resume: Whether parts of an earlier run are continued from.
        part_size: Molecules in one part.
        quiet: Whether problems alone are shown.

    Returns:
        What it amounts to, earlier runs included.
    """
    from rdkit_ebd.io.other_output import writer_of
    from rdkit_ebd.io.sdf import SDFWriter

    begin, tally = time.perf_counter(), GenerateTally()
    with ExitStack() as stack:
        with usage_errors():
            parts = parts_of(output, manifest, repeatable and number > part_size, resume)
        for finished in parts.tallies if parts else []:
            tally.add(GenerateTally(**finished))
        before = tally.drawn
        bar = stack.enter_context(progress(number, quiet))
        bar.update(before)
        if parts is None:
            writer = stack.enter_context(writer_of(output))
            tally.add(_write(plan.molecules(number), writer, plan, bar.update))
        else:
            stack.enter_context(parts)
            stack.enter_context(kept(parts))
            while tally.drawn < number:
                until = min(tally.drawn + part_size, number)
                with SDFWriter(parts.next_path) as part:
                    done = _write(plan.molecules(until, tally.drawn), part, plan, bar.update)
                parts.add(done.to_dict())
                tally.add(done)
            parts.join()
    if not quiet:
        typer.echo(tally.summary(time.perf_counter() - begin, before), err=True)
    return tally


def _write(
    molecules: Iterable[Generated], writer: SDFWriter | TextWriter, plan: Plan, advance: Callable[[int], object]
) -> GenerateTally:
    tally = GenerateTally()
    for generated in molecules:
        tally.count(generated)
        if generated.ok:
            mol = generated.mol
            if generated.ensemble is not None and generated.ensemble.ranking is not None:
                mol.SetProp("ebd_rmsd_nearest", f"{generated.ensemble.nearest:.3f}")
                mol.SetProp("ebd_rmsd_lowest", f"{generated.ensemble.lowest:.3f}")
            writer.write(mol, f"{plan.model.config.name}_{generated.index}")
        advance(1)
    return tally
