"""How good is a method? Ensembles against reference conformers: the same molecules, counts and clock for each.

Two questions can be asked of a data set. `evaluate`: are the references found, and is what was generated true?
`evaluate_bioactive`: how near does the best of n conformers come to the one that a protein binds?
"""

from rdkit_ebd.evaluation.coverage import format_coverage
from rdkit_ebd.evaluation.method import Method
from rdkit_ebd.evaluation.methods import RECIPES, generate, parse_method
from rdkit_ebd.evaluation.report import Result, format_failures, format_table, write_csv, write_json
from rdkit_ebd.evaluation.run import evaluate, evaluate_bioactive

__all__ = [
    "RECIPES",
    "Method",
    "Result",
    "evaluate",
    "evaluate_bioactive",
    "format_coverage",
    "format_failures",
    "format_table",
    "generate",
    "parse_method",
    "write_csv",
    "write_json",
]
