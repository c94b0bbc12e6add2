"""The conformers that a molecule has: pruned, chosen, minimised, scored."""
