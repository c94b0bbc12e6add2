"""What RDKit says of a molecule: stereo, fragments, torsions, symmetry, features, provenance. Without torch."""
