"""Where is rdkit_ebd.files? In rdkit_ebd.io and rdkit_ebd.runtime.whole_file; this name goes with the next release."""

import warnings

from rdkit_ebd.io.read import *  # noqa: F403
from rdkit_ebd.io.sdf import *  # noqa: F403
from rdkit_ebd.runtime.whole_file import *  # noqa: F403

warnings.warn(
    "rdkit_ebd.files is now rdkit_ebd.io.read, rdkit_ebd.io.sdf, rdkit_ebd.runtime.whole_file",
    DeprecationWarning,
    stacklevel=2,
)
