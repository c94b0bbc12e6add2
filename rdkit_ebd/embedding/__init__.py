"""From one molecule to its conformers."""
