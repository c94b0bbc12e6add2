"""What can be done, by task? The help of `rdkit-ebd`: commands in groups, each with an example, and exit codes."""

from __future__ import annotations

TASKS: dict[str, dict[str, str]] = {
    "Make conformers": {
        "validate": "rdkit-ebd validate library.smi",
        "embed": "rdkit-ebd embed library.smi -n 20 -o conformers.sdf",
    },
    "Draw molecules": {"generate": "rdkit-ebd generate -n 1000 --atoms 15-20 -o drawn.sdf"},
    "Refine and rank": {
        "refine": "rdkit-ebd refine conformers.sdf --method MMFF94s -o minima.sdf",
        "score": "rdkit-ebd score minima.sdf --method GFN2-xTB --sort -o scored.sdf",
        "rank": "rdkit-ebd rank scored.sdf --top 3 --table ranks.csv -o lowest.sdf",
    },
    "Look": {"show": "rdkit-ebd show scored.sdf -o page.html"},
    "Hand over": {
        "convert": "rdkit-ebd convert out/ -o conformers.sdf",
        "dock-prep": "rdkit-ebd dock-prep library.smi -o ligands",
    },
    "Measure": {
        "evaluate": "rdkit-ebd evaluate references.npz -m EBD -m ETKDGv3",
        "evaluate-generator": "rdkit-ebd evaluate-generator -n 10000 --against-qm9",
        "judge-molecules": "rdkit-ebd judge-molecules drawn.sdf",
        "judge-conditional": "rdkit-ebd judge-conditional gap.safetensors -g drawn.sdf",
        "bench": "rdkit-ebd bench",
        "engines": "rdkit-ebd engines minima.npz",
    },
    "Models": {"models": "rdkit-ebd models", "train": "rdkit-ebd train --help"},
}
"""Commands by what they are for, and how each is called."""

OTHERS = "Of other packages"

EXIT_CODES = (
    "Exit codes: 0 all went well; 1 some molecules or records did not, and are named on stderr, or there were none; "
    "2 wrong usage, or a file that cannot be read or written; 130 interrupted; 141 the reader of a pipe has gone."
)


def task_of(command: str) -> str:
    """The task that a command is for; one that is not known is of another package."""
    return next((task for task, commands in TASKS.items() if command in commands), OTHERS)


def example_of(command: str) -> str:
    """How a command is called; empty where it is not known."""
    return TASKS.get(task_of(command), {}).get(command, "")
