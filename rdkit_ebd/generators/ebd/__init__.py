"""Equivariant Blurring Diffusion: the blurring process, the networks, the sampler."""
