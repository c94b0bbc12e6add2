"""Where is rdkit_ebd.fragments? In rdkit_ebd.chem.fragments; this name goes with the next release."""

import warnings

from rdkit_ebd.chem.fragments import *  # noqa: F403

warnings.warn("rdkit_ebd.fragments is now rdkit_ebd.chem.fragments", DeprecationWarning, stacklevel=2)
