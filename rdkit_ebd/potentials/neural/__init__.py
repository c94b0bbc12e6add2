"""How do neural potentials work here? Networks in torch, and a minimiser that takes many conformers side by side.

This folder alone among the potentials needs torch; it is imported once a surface of such a potential is made.
"""
