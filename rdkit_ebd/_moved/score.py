"""Where is rdkit_ebd.score? In rdkit_ebd.ensemble.score; this name goes with the next release."""

import warnings

from rdkit_ebd.ensemble.score import *  # noqa: F403

warnings.warn("rdkit_ebd.score is now rdkit_ebd.ensemble.score", DeprecationWarning, stacklevel=2)
