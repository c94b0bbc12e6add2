"""The command line, `rdkit-ebd`: one module a command."""

from rdkit_ebd.cli.app import main

__all__ = ["main"]
