"""Where is rdkit_ebd.prune? In rdkit_ebd.ensemble.prune; this name goes with the next release."""

import warnings

from rdkit_ebd.ensemble.prune import *  # noqa: F403

warnings.warn("rdkit_ebd.prune is now rdkit_ebd.ensemble.prune", DeprecationWarning, stacklevel=2)
