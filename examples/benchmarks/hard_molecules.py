"""Do hard molecules come out right, or fail as they should? A table of outcomes by category, and every failure.

    python examples/benchmarks/hard_molecules.py [--confs 3] [--timeout 60] [--every 5] [--json FILE] [CATEGORY ...]

The molecules are in `hard_molecules.smi`. They are embedded in another process, so that a crash costs one molecule.
The exit code is 1 if there was one, or wrong stereo, or a call that came back too late, or anything of the user's lost.
"""

from __future__ import annotations

import argparse
import json
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from hard_outcome import GRACE, RDKIT_TIMEOUT, Entry, Outcome, examine, read_suite
from rdkit import rdBase

COLUMNS: dict[str, Callable[[Outcome], bool]] = {
    "molecules": lambda o: True,
    "embedded": lambda o: o.verdict == "made" and not o.error,
    "failed, by RDKit too": lambda o: o.verdict == "failed" and not o.error and o.rdkit_made < o.requested,
    "failed, RDKit makes it": lambda o: o.verdict == "failed" and not o.error and o.rdkit_made == o.requested,
    "rejected": lambda o: o.rejected,
    "rejected, made by the fallback": lambda o: o.rejected and o.made == o.requested,
    "made, RDKit does not": lambda o: o.verdict == "made" and not o.error and o.rdkit_made < o.requested,
    "wrong stereo": lambda o: o.wrong > 0,
    "over time": lambda o: o.late,
    "damage": lambda o: bool(o.damage),
    "errors, crashes": lambda o: bool(o.error),
}


def main() -> int:
    """Run the suite, print its table and write it where asked."""
    options = _options()
    entries = chosen(read_suite(), options.categories, options.every)
    if options.child:
        return embed_all(entries, options.confs, options.timeout)
    outcomes = []
    command = [sys.executable, __file__, *sys.argv[1:], "--child"]
    longest = 2 * (options.timeout + GRACE) + 2 * RDKIT_TIMEOUT + 60  # rejected and again, ETKDGv3, start-up
    for outcome in supervised(entries, options.confs, command, longest):
        outcomes.append(outcome)
        progress = f"{len(outcomes)}/{len(entries)} {outcome.name}: {outcome.made} of {outcome.requested}"
        print(f"{progress}, {outcome.seconds:.1f} s {outcome.error}", file=sys.stderr, flush=True)
    print(table(outcomes), *failures(outcomes), sep="\n")
    if options.json:
        options.json.write_text(json.dumps([{**asdict(o), "verdict": o.verdict} for o in outcomes], indent=1) + "\n")
    return int(not all(outcome.right for outcome in outcomes))


def chosen(entries: Sequence[Entry], categories: Sequence[str], every: int) -> list[Entry]:
    """The entries of the categories (all if none is named): of each the first and every n-th after it."""
    names = dict.fromkeys(entry.category for entry in entries)
    unknown = sorted(set(categories) - set(names))
    if unknown:
        raise SystemExit(f"no category is called {', '.join(unknown)}; there are: {', '.join(names)}")
    return [e for name in categories or names for e in [e for e in entries if e.category == name][::every]]


def embed_all(entries: Sequence[Entry], confs: int, timeout: int) -> int:
    """What the other process does: an outcome per line, for the entries whose numbers come from standard input."""
    rdBase.DisableLog("rdApp.*")
    for number in json.loads(sys.stdin.readline()):
        print(json.dumps(asdict(examine(entries[number], confs, timeout))), flush=True)
    return 0


def supervised(entries: Sequence[Entry], confs: int, command: Sequence[str], longest: float) -> Iterator[Outcome]:
    """Outcomes in the order of the entries; a process that dies or hangs costs one of them and is replaced.

    Args:
        entries: The whole list, which the process has, too.
        confs: Conformers asked for.
        command: Starts a process that reads numbers of entries and prints their outcomes, as `embed_all` does.
        longest: Seconds without an outcome after which a process hangs.
    """
    begun = 0
    while begun < len(entries):
        for outcome in _one_process(entries, begun, confs, command, longest):
            begun += 1
            yield outcome


def _one_process(
    entries: Sequence[Entry], begin: int, confs: int, command: Sequence[str], longest: float
) -> Iterator[Outcome]:
    """The outcomes of one process, the last of them that of the entry it died of."""
    # unbuffered, so that no line can wait where `select` does not see it
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps(list(range(begin, len(entries)))).encode() + b"\n")
        child.stdin.flush()
        try:
            for entry in entries[begin:]:
                line = _line(child, longest)
                if line:
                    yield Outcome(**json.loads(line))
                    continue
                hangs = line is None
                end = "hangs" if hangs else f"crash, exit code {child.wait()}"
                yield Outcome(entry.name, entry.category, entry.expected, requested=confs, error=end, late=hangs)
                return
        finally:
            child.kill()


def _line(child: subprocess.Popen[bytes], longest: float) -> bytes | None:
    """What the process prints next; nothing if it has ended, None if nothing comes for so many seconds."""
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        return child.stdout.readline() if selector.select(longest) else None


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown: a line per category and one for all."""
    names = list(dict.fromkeys(outcome.category for outcome in outcomes))
    lines = [f"| category | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    groups = [(name, [o for o in outcomes if o.category == name]) for name in names]
    for name, group in [*groups, ("**all**", list(outcomes))]:
        counts = [sum(counted(outcome) for outcome in group) for counted in COLUMNS.values()]
        lines.append(f"| {name} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def failures(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Every molecule that is not all there, or not as expected, and why."""
    yield ""
    for o in outcomes:
        if o.made < o.requested or not o.right or o.verdict != o.expected:
            category = f"{o.category}, rejected" if o.rejected else o.category
            yield f"- {o.name} ({category}): {'; '.join(_details(o))}"


def _details(o: Outcome) -> Iterator[str]:
    yield f"{o.made} of {o.requested}"
    if o.causes:
        yield ", ".join(f"{cause} {n}" for cause, n in o.causes.items())
    yield f"ETKDGv3 makes {o.rdkit_made}"
    if o.wrong:
        yield f"wrong stereo {o.wrong}"
    yield from o.damage
    if o.error:
        yield o.error
    if o.late:
        yield f"{o.seconds:.0f} s"
    if o.verdict != o.expected:
        yield f"expected: {o.expected}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Embed the hard molecules and report what became of them.")
    parser.add_argument("categories", nargs="*", help="of hard_molecules.smi; all if none is named")
    parser.add_argument("--confs", type=int, default=3, help="conformers of each molecule")
    parser.add_argument("--timeout", type=int, default=60, help="seconds for a molecule")
    parser.add_argument("--every", type=int, default=1, help="take every n-th of each category")
    parser.add_argument("--json", type=Path, help="write the outcomes here")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
