"""What is a unit in ours? Conversion factors to angstrom and kcal/mol, and the gas constant (CODATA 2018)."""

HARTREE = 627.5094740631  # kcal/mol
BOHR = 0.529177210903  # angstrom
ELECTRONVOLT = 27.211386245988  # eV per hartree
KCAL_PER_EV = HARTREE / ELECTRONVOLT
GAS_CONSTANT = 1.987204259e-3  # kcal/mol/K
