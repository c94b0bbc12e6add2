"""What is done to molecules before they are embedded? Salts stripped, charges taken off, duplicates left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

from rdkit_ebd.io.read import Entry


@dataclass(frozen=True)
class Changes:
    """What is wanted.

    Attributes:
        dedupe: Whether molecules with the InChIKey of an earlier one are left out.
        strip_salts: Whether the largest organic component of each is kept alone.
        neutralise: Whether charges are taken off that protons can take off.
    """

    dedupe: bool = False
    strip_salts: bool = False
    neutralise: bool = False


class Changer:
    """Changes entries one after the other, and remembers which molecules there were.

    Args:
        changes: What is wanted.
        word: What an entry's number counts, "line" or "record".
    """

    def __init__(self, changes: Changes, word: str) -> None:
        self._changes, self._word = changes, word
        self._known: dict[str, int] = {}

    def changed(self, entry: Entry) -> Entry:
        """The entry as it is to be embedded; what was done is in its notes, what RDKit raises is its problem."""
        if entry.mol is None or self._changes == Changes():
            return entry
        try:
            with rdBase.BlockLogs():
                entry = stripped(entry) if self._changes.strip_salts else entry
                entry = neutralised(entry) if self._changes.neutralise else entry
                return self._unique(entry) if self._changes.dedupe else entry
        except Exception as error:  # whatever it is, it must not stop the others
            return replace(entry, mol=None, problem=" ".join(str(error).split()) or repr(error))

    def _unique(self, entry: Entry) -> Entry:
        assert entry.mol is not None
        key = Chem.MolToInchiKey(Chem.RemoveHs(entry.mol))
        earlier = self._known.setdefault(key, entry.number) if key else entry.number
        if earlier == entry.number:
            return entry
        return replace(entry, left_out=f"the molecule of {self._word} {earlier}, by its InChIKey {key}")


def stripped(entry: Entry) -> Entry:
    """An entry with its largest component, organic ones first, coordinates and properties kept."""
    assert entry.mol is not None
    pieces = Chem.GetMolFrags(entry.mol)
    if len(pieces) < 2:
        return entry
    whole = Chem.Mol(entry.mol)
    for atom in whole.GetAtoms():
        atom.SetIntProp("_ebd_place", atom.GetIdx())
    kept = rdMolStandardize.LargestFragmentChooser(preferOrganic=True).choose(whole)
    places = {atom.GetIntProp("_ebd_place") for atom in kept.GetAtoms()}
    for atom in kept.GetAtoms():
        atom.ClearProp("_ebd_place")
    gone = Chem.RWMol(entry.mol)
    gone.RemoveAllConformers()
    for index in sorted(places, reverse=True):
        gone.RemoveAtom(index)
    return _noted(entry, kept, f"without {Chem.MolToSmiles(Chem.RemoveHs(gone.GetMol(), sanitize=False))}")


def neutralised(entry: Entry) -> Entry:
    """An entry without the charges that protons can take off; its explicit hydrogens become implicit."""
    assert entry.mol is not None
    if not any(atom.GetFormalCharge() for atom in entry.mol.GetAtoms()):
        return entry
    bare = Chem.RemoveHs(entry.mol)
    neutral = rdMolStandardize.Uncharger().uncharge(bare)
    before, after = (sum(abs(a.GetFormalCharge()) for a in mol.GetAtoms()) for mol in (bare, neutral))
    if before == after:
        return entry
    return _noted(entry, neutral, f"neutralised: {Chem.MolToSmiles(neutral)}")


def _noted(entry: Entry, mol: Chem.Mol, note: str) -> Entry:
    assert entry.mol is not None
    for name in entry.mol.GetPropNames():
        mol.SetProp(name, entry.mol.GetProp(name))
    mol.SetProp("_Name", entry.name)
    return replace(entry, mol=mol, notes=(*entry.notes, note))
