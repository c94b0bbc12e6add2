"""How is a model made? Data preparation (RDKit) and fitting (torch alone)."""
