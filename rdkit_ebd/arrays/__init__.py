"""Arrays of molecules and conformers in NumPy and torch, without RDKit. Imports nothing of the package."""
