"""`python -m rdkit_ebd.cli` is `rdkit-ebd`."""

from rdkit_ebd.cli import main

main()
