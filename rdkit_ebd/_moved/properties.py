"""Where is rdkit_ebd.properties? In rdkit_ebd.evaluation.properties; this name goes with the next release."""

import warnings

from rdkit_ebd.evaluation.properties import *  # noqa: F403

warnings.warn("rdkit_ebd.properties is now rdkit_ebd.evaluation.properties", DeprecationWarning, stacklevel=2)
