"""What are parameters called elsewhere, and which settings of them serve which purpose?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# rdDistGeom.EmbedMultipleConfs and EmbedParameters call these things by different names.
KEYWORD_ALIASES = {"maxAttempts": "maxIterations", "forceTol": "optimizerForceTol", "printExpTorsionAngles": "verbose"}

# What other packages and other people call them, in lower case without underscores.
OTHER_NAMES = {
    **dict.fromkeys(("seed", "rngseed", "randomstate"), "randomSeed"),
    **dict.fromkeys(("numconfs", "nconfs", "nconformers", "numconformers", "confs", "count"), "numConfs"),
    **dict.fromkeys(("threads", "nthreads", "njobs", "ncpus", "cpus"), "numThreads"),
    **dict.fromkeys(("rms", "rmsd", "rmscutoff", "rmsdcutoff", "prunermsd", "rmsdthreshold"), "pruneRmsThresh"),
    **dict.fromkeys(("forcefield", "optimize", "minimize", "minimise", "relax"), "refine"),
    **dict.fromkeys(("window", "ewindow", "energycutoff"), "energyWindow"),
    **dict.fromkeys(("core", "coremap", "fixedatoms", "constraints"), "coordMap"),
    **dict.fromkeys(("maxattempts", "attempts", "retries"), "maxIterations"),
    "randomcoords": "useRandomCoords",
    "steps": "numSteps",
    "rounds": "numRounds",
    "seeds": "seedPool",
    "weights": "model",
}

# What earlier releases had: what became of it, and what serves its purpose now.
RETIRED = {
    "qualityWeight": "it was retired with the network's guess that it weighed, which did flexible molecules harm: use "
    "seedPool (seeds to choose from) and seedEnergyShare (share of them, of lowest energy, that is chosen from)",
}

# What RDKit's EmbedParameters has and EBD has not, and why.
NOT_SHARED = {
    "enableSequentialRandomSeeds": "always on: conformer k does not depend on their number",
    "onlyInitialEmbedding": "an error when True: the model starts from finished seeds",
    "SetBoundsMat": "an error when set: the model has its own distances",
    "SetCPCI": "RDKit offers no way to read it back, so it cannot be honoured nor noticed",
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "dft": {"coarse": "torsions", "numRounds": 4, "seedEnergyShare": 0.25},
    "nmr": {"coarse": "torsions", "numRounds": 4, "overSample": 2.0, "score": "MMFF94s"},
    "docking": {"coarse": "torsions", "numRounds": 1, "seedEnergyShare": 1.0},
    "shape": {"coarse": "torsions", "numRounds": 1, "seedEnergyShare": 1.0, "seedPool": 8},
    "fast": {"coarse": "torsions", "numRounds": 1},
}
"""Settings by purpose: input of DFT, ensembles to be weighted, bound shapes, the widest spread, the least time."""
