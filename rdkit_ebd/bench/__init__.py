"""How fast is it? Methods on the same molecules, in one process, with the same threads, and the judgement beside it.

`prepare` reads and checks everything, `Benchmark.run` measures part after part. What is found are tables, which print
themselves as Markdown and go into a JSON file as they are. `rdkit_ebd.bench.timing` says what makes it fair.
"""

from rdkit_ebd.bench.gpu import device_table, largest_difference
from rdkit_ebd.bench.machine import describe_machine, in_words
from rdkit_ebd.bench.molecules import DRUGS, read_targets
from rdkit_ebd.bench.run import SCALING, Benchmark, Part, prepare
from rdkit_ebd.bench.table import Table, write_tables
from rdkit_ebd.bench.timing import Plan, Timing, time_methods

__all__ = [
    "DRUGS",
    "SCALING",
    "Benchmark",
    "Part",
    "Plan",
    "Table",
    "Timing",
    "describe_machine",
    "device_table",
    "in_words",
    "largest_difference",
    "prepare",
    "read_targets",
    "time_methods",
    "write_tables",
]
