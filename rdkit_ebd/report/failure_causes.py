"""Why does a conformer fail, and what can be done about it? Every cause of ours, its meaning and its advice."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

_OLD_NAMES = {"REFUSED": "BAD_PARAMETERS"}  # of release 0.1

_AGAIN = "allow more attempts (maxIterations=30) or let RDKit stand in (fallback='ETKDGv3')"
_GEOMETRY_LOST = "try another method, or hold it nearer to its start with a restraint"


class FailureCause(str, Enum):
    """Why a conformer was not made, or not refined. A string, so reports, JSON and SD files have its plain name.

    What RDKit's distance geometry counts while it makes coarse seeds has RDKit's own names beside these, see
    `rdDistGeom.EmbedFailureCauses`.

    Attributes:
        meaning: What happened, in a few words.
        advice: What to try where a conformer could not be made.
        refinement_advice: What to try where a conformer could not be refined, and stayed as it was.

    Example:
        >>> FailureCause.CLASH == "CLASH"
        True
        >>> FailureCause("NO_SEED").meaning
        'no starting coordinates with the written stereochemistry'
    """

    meaning: str
    advice: str
    refinement_advice: str

    # of the judgement
    NOT_FINITE = "NOT_FINITE", "coordinates that are no numbers", "try another randomSeed", "try another method"
    CENTRE_INVERTED = "CENTRE_INVERTED", "a stereocentre is inverted", _AGAIN, _GEOMETRY_LOST
    DOUBLE_BOND_STEREO = "DOUBLE_BOND_STEREO", "a double bond has the wrong E/Z geometry", _AGAIN, _GEOMETRY_LOST
    ATROPISOMER_STEREO = "ATROPISOMER_STEREO", "an atropisomer's axis is inverted", _AGAIN, _GEOMETRY_LOST
    BOND_LENGTH = "BOND_LENGTH", "a bond is too short or too long", _AGAIN, _GEOMETRY_LOST
    BOND_ANGLE = "BOND_ANGLE", "a bond angle is too small or too wide", _AGAIN, _GEOMETRY_LOST
    CLASH = "CLASH", "atoms that are not bonded are too near each other", _AGAIN, _GEOMETRY_LOST
    AROMATIC_NOT_FLAT = "AROMATIC_NOT_FLAT", "an aromatic ring is not flat", _AGAIN, _GEOMETRY_LOST
    DOUBLE_BOND_NOT_FLAT = "DOUBLE_BOND_NOT_FLAT", "a double bond is twisted", _AGAIN, _GEOMETRY_LOST
    GROUP_NOT_FLAT = "GROUP_NOT_FLAT", "an amide or another conjugated group is twisted", _AGAIN, _GEOMETRY_LOST
    RING_TOO_FLAT = "RING_TOO_FLAT", "a saturated ring is flat", _AGAIN, _GEOMETRY_LOST

    # of the embedding
    NO_SEED = (
        "NO_SEED",
        "no starting coordinates with the written stereochemistry",
        "check the written stereocentres of the ring systems; for strained or large molecules set useRandomCoords=True",
    )
    NO_OWN_CONFORMERS = (
        "NO_OWN_CONFORMERS",
        "the molecule has no conformers in three dimensions to start from",
        "give it conformers first, or choose another coarse stage, such as coarse='etkdg'",
    )
    SEED_STEREO = "SEED_STEREO", "the starting coordinates lack the written stereochemistry", _AGAIN
    EXCEEDED_TIMEOUT = (
        "EXCEEDED_TIMEOUT",
        "the time was up",
        "allow more time (timeout, in seconds; 0: no limit)",
        "allow more time (timeout, in seconds; 0: no limit)",
    )
    UNDEFINED_STEREO = (
        "UNDEFINED_STEREO",
        "the molecule leaves stereochemistry open",
        "write it, or make a molecule of each isomer (EnumerateStereo, stereo='enumerate')",
    )
    UNSUPPORTED = (
        "UNSUPPORTED",
        "the model was not made for this molecule",
        "set fallback='ETKDGv3' to get RDKit's conformers for such molecules",
    )

    # of refinement and energies
    NO_ENERGY = (
        "NO_ENERGY",
        "the method gave no energy",
        "try another method of refinement",
        "try another method, or relax with MMFF94s first",
    )
    BONDS_CHANGED = (
        "BONDS_CHANGED",
        "a bond was torn or made, such as by a proton that moved",
        "refine in a solvent, such as with GFN2-xTB/water, or with a force field",
        "refine in a solvent, such as with GFN2-xTB/water, or with a force field",
    )
    UNTREATABLE = (
        "UNTREATABLE",
        "the method has no parameters for this molecule",
        "try another method of refinement, such as GFN2-xTB",
        "try another method, such as GFN2-xTB or UFF",
    )

    # of libraries
    BAD_MOLECULE = (
        "BAD_MOLECULE",
        "there is no molecule, or it is empty or not sanitised",
        "check how the molecule is read",
    )
    BAD_PARAMETERS = (
        "BAD_PARAMETERS",
        "the parameters do not fit this molecule",
        "embed this molecule with parameters of its own",
    )
    NO_CORE = (
        "NO_CORE",
        "the core cannot be laid on the molecule",
        "give a reference that has it, or embed this molecule without a core",
    )
    WORKER_DIED = (
        "WORKER_DIED",
        "worker processes crashed on this molecule or ran out of memory",
        "embed it alone (workers=0), or use fewer workers",
    )
    OUT_OF_MEMORY = (
        "OUT_OF_MEMORY",
        "not even one conformer fits into the memory",
        "use device='cpu', or a machine with more memory",
    )
    INTERNAL_ERROR = "INTERNAL_ERROR", "an error in rdkit_ebd", "please report it with the molecule and the message"

    def __new__(cls, word: str, meaning: str, advice: str, refinement_advice: str = "") -> FailureCause:
        """A member that equals its name."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning, member.advice, member.refinement_advice = meaning, advice, refinement_advice
        return member

    @classmethod
    def _missing_(cls, value: object) -> FailureCause | None:
        """Names that reports of earlier releases have."""
        return cls[_OLD_NAMES[value]] if isinstance(value, str) and value in _OLD_NAMES else None

    __str__ = str.__str__
    __repr__ = str.__repr__

    def __format__(self, format_spec: str) -> str:
        """As its plain name, in every release of Python."""
        return str(self).__format__(format_spec)


def advice_on(causes: Iterable[str], *, refinement: bool = False) -> list[str]:
    """What each cause means and what to try, such as "CLASH: atoms ... too near each other; allow more attempts".

    Args:
        causes: Of conformers that failed, in any number; those with RDKit's names or unknown ones have no advice.
        refinement: Whether the conformers are there but could not be refined.

    Returns:
        One line a cause, in the order of their first appearance.
    """
    named = (_OLD_NAMES.get(str(cause), str(cause)) for cause in causes)
    known = [FailureCause[name] for name in dict.fromkeys(named) if name in FailureCause.__members__]
    pairs = [(c, c.refinement_advice if refinement else c.advice) for c in known]
    return [f"{c}: {c.meaning}; {advice}" if advice else f"{c}: {c.meaning}" for c, advice in pairs]
