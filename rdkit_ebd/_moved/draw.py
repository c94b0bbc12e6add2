"""Where is rdkit_ebd.draw? In rdkit_ebd.viz.pictures; this name goes with the next release."""

import warnings

from rdkit_ebd.viz.pictures import *  # noqa: F403

warnings.warn("rdkit_ebd.draw is now rdkit_ebd.viz.pictures", DeprecationWarning, stacklevel=2)
