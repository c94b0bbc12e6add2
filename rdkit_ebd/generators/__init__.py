"""Learned generators of coordinates: networks, processes, samplers, checkpoints. Without RDKit."""
