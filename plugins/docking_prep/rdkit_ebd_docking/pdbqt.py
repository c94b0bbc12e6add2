"""How does a conformer become PDBQT, and a docked PDBQT a molecule again? Through Meeko, with the atoms' own order."""

from __future__ import annotations

from typing import Any

from rdkit import Chem

from rdkit_ebd import get_provenance

INSTALL = 'pip install "rdkit_ebd[dock]"'


def to_pdbqt(mol: Chem.Mol, conf_id: int, name: str) -> str:
    """PDBQT of one conformer, with its name and provenance as remarks; rings are rigid, other bonds turn.

    Args:
        mol: One component with explicit hydrogens.
        conf_id: The conformer.
        name: Written into the file.

    Raises:
        ImportError: Meeko is missing.
        ValueError: Meeko cannot prepare the molecule; the message says why.
    """
    try:
        from meeko import MoleculePreparation, PDBQTWriterLegacy
    except ImportError as error:
        raise ImportError(f"PDBQT needs Meeko: {INSTALL}") from error
    single: Any = Chem.Mol(mol, False, conf_id)
    # Vina must not open macrocycles: their shapes come from the ensemble, one pucker per file.
    preparation = MoleculePreparation(rigid_macrocycles=True)
    try:
        [setup, *more] = preparation.prepare(single)
        text, fine, complaint = PDBQTWriterLegacy.write_string(setup)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"Meeko: {error}") from error
    if more or not fine:
        raise ValueError(f"Meeko: {complaint or 'more than one component'}")
    provenance = " ".join(f"{key}={value}" for key, value in get_provenance(mol.GetConformer(conf_id)).items())
    remarks = [f"REMARK  Name = {' '.join(name.split())}"] + [f"REMARK  {provenance}"] * bool(provenance)
    return "\n".join([*remarks, text])


def poses_to_mol(text: str, mol: Chem.Mol) -> Chem.Mol:
    """Docked poses as conformers of a copy of `mol`, its atoms in their order.

    Args:
        text: PDBQT with one or several models, as Vina writes it.
        mol: The molecule whose PDBQT was docked.

    Raises:
        ValueError: The poses are of another molecule.
    """
    from meeko import PDBQTMolecule, RDKitMolCreate

    [made] = RDKitMolCreate.from_pdbqt_mol(PDBQTMolecule(text, skip_typing=True))
    if made is None:
        raise ValueError("Meeko cannot read the poses")
    order = made.GetSubstructMatch(mol, useChirality=True) or made.GetSubstructMatch(mol)
    if len(order) != mol.GetNumAtoms() or made.GetNumAtoms() != mol.GetNumAtoms():
        raise ValueError(f"the poses are of {Chem.MolToSmiles(Chem.RemoveHs(made))}, not of the ligand")
    docked = Chem.Mol(mol, False)
    docked.RemoveAllConformers()
    for pose in made.GetConformers():
        conformer = Chem.Conformer(mol.GetNumAtoms())
        conformer.Set3D(True)
        conformer.SetPositions(pose.GetPositions()[list(order)])
        docked.AddConformer(conformer, assignId=True)
    return docked
