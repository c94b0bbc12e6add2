"""`python -m rdkit_ebd` is `rdkit-ebd`."""

from rdkit_ebd.cli import main

main()
