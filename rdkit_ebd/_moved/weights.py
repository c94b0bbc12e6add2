"""Where is rdkit_ebd.weights? In rdkit_ebd.generators.checkpoint; this name goes with the next release."""

import warnings

from rdkit_ebd.generators.checkpoint import *  # noqa: F403

warnings.warn("rdkit_ebd.weights is now rdkit_ebd.generators.checkpoint", DeprecationWarning, stacklevel=2)
