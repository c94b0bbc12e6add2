"""SMILES and SD files: reading, writing, output that is resumed."""
