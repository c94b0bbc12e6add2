"""Where is rdkit_ebd.refine? In rdkit_ebd.ensemble.refine; this name goes with the next release."""

import warnings

from rdkit_ebd.ensemble.refine import *  # noqa: F403

warnings.warn("rdkit_ebd.refine is now rdkit_ebd.ensemble.refine", DeprecationWarning, stacklevel=2)
