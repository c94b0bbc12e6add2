"""Where is rdkit_ebd.figures? In rdkit_ebd.viz.paper_figures; this name goes with the next release."""

import warnings

from rdkit_ebd.viz.paper_figures import *  # noqa: F403

warnings.warn("rdkit_ebd.figures is now rdkit_ebd.viz.paper_figures", DeprecationWarning, stacklevel=2)
