"""How do conformers go on to quantum chemistry? Input texts for xtb, CREST, Psi4 and ORCA, and ASE's Atoms."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from rdkit import Chem

from rdkit_ebd.arrays.units import HARTREE
from rdkit_ebd.chem.conformers import chosen_conformers, refuse_unfinished
from rdkit_ebd.chem.provenance import get_provenance

DEFAULTS = {"xtb": "--gfn 2 --opt", "psi4": "b3lyp-d3bj/def2-svp", "orca": "r2SCAN-3c Opt"}


def QuantumInput(mol: Chem.Mol, program: str, confId: int = -1, *, keywords: str | None = None) -> str:
    """The input of a quantum-chemistry program for one conformer, which optimises it unless the keywords say otherwise.

    Charge is the molecule's formal charge, multiplicity follows from its radical electrons, all spins parallel.

    Args:
        mol: All hydrogens are explicit.
        program: "xtb" (an XYZ file, whose comment line is the command that runs it as input.xyz), "psi4" or "orca".
        confId: The conformer.
        keywords: Options of xtb, method/basis of Psi4, or ORCA's line of keywords; None: "--gfn 2 --opt",
            "b3lyp-d3bj/def2-svp", "r2SCAN-3c Opt".

    Returns:
        Text; coordinates in angstrom.

    Raises:
        TypeError: `mol` is not a molecule.
        ValueError: There is no such program or conformer, hydrogens are missing, or the conformer is a drawing.

    Example:
        >>> from rdkit_ebd.io import QuantumInput
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)[O-]"))
        >>> conf_id = EmbedMolecule(mol, randomSeed=1)
        >>> print(QuantumInput(mol, "orca"))
        ! r2SCAN-3c Opt
        * xyz -1 1
        C ...
        *
    """
    if program not in DEFAULTS:
        raise ValueError(f"program must be one of {', '.join(DEFAULTS)}, not {program!r}")
    conformer = _conformer(mol, confId)
    options, lines = keywords or DEFAULTS[program], _atom_lines(mol, conformer)
    charge, spins = Chem.GetFormalCharge(mol), _unpaired(mol)
    if program == "xtb":
        return "\n".join([str(len(lines)), f"xtb input.xyz {options} --chrg {charge} --uhf {spins}", *lines, ""])
    if program == "orca":
        return "\n".join([f"! {options}", f"* xyz {charge} {spins + 1}", *lines, "*", ""])
    reference = ["set reference uks"] if spins else []
    block = ["molecule {", f"{charge} {spins + 1}", *lines, "units angstrom", "no_reorient", "no_com", "}"]
    return "\n".join([*block, *reference, f'optimize("{options}")', ""])


def XYZEnsemble(mol: Chem.Mol, confIds: Sequence[int] | None = None) -> str:
    """Conformers as one XYZ text, as CREST and CENSO take ensembles: the comments are energies, in hartree.

    Energies are those kept on the conformers; where one has none the comments are the name and the conformer's id.

    Args:
        mol: All hydrogens are explicit.
        confIds: Ids of the conformers, in the order of the text; all of them if None.

    Raises:
        TypeError: `mol` is not a molecule.
        ValueError: There are no such conformers, hydrogens are missing, or a conformer is a drawing.

    Example:
        >>> from rdkit_ebd.io import XYZEnsemble
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CCO"))
        >>> ids = EmbedMultipleConfs(mol, 2, randomSeed=1)
        >>> XYZEnsemble(mol).splitlines()[0], len(XYZEnsemble(mol).splitlines())
        ('9', 22)
    """
    conformers = chosen_conformers(mol, confIds)
    refuse_unfinished(mol, conformers)
    energies = [get_provenance(conformer).get("ebd_energy", float("nan")) for conformer in conformers]
    name = mol.GetProp("_Name").strip() if mol.HasProp("_Name") else ""
    known = all(energy == energy for energy in energies)
    lines: list[str] = []
    for conformer, energy in zip(conformers, energies, strict=True):
        comment = f"{energy / HARTREE:18.10f}" if known else f"{name} conformer {conformer.GetId()}".strip()
        lines += [str(mol.GetNumAtoms()), " ".join(comment.splitlines()), *_atom_lines(mol, conformer)]
    return "\n".join([*lines, ""])


def ToASE(mol: Chem.Mol, confId: int = -1) -> Any:
    """A conformer as ASE's Atoms; `info` has charge and spin multiplicity, under the names that its calculators read.

    Args:
        mol: All hydrogens are explicit.
        confId: The conformer.

    Raises:
        ImportError: ASE is not installed.
        TypeError: `mol` is not a molecule.
        ValueError: There is no such conformer, hydrogens are missing, or the conformer is a drawing.

    Example:
        >>> from rdkit_ebd.io import ToASE
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CCO"))
        >>> conf_id = EmbedMolecule(mol, randomSeed=1)
        >>> atoms = ToASE(mol)  # doctest: +SKIP
    """
    conformer = _conformer(mol, confId)
    try:
        ase = import_module("ase")
    except ImportError as error:
        raise ImportError("ToASE needs ASE: pip install ase") from error
    info = {"charge": Chem.GetFormalCharge(mol), "spin": _unpaired(mol) + 1}
    return ase.Atoms([a.GetAtomicNum() for a in mol.GetAtoms()], positions=conformer.GetPositions(), info=info)


def _conformer(mol: Chem.Mol, conf_id: int) -> Chem.Conformer:
    [conformer] = chosen_conformers(mol, None)[:1] if conf_id == -1 else chosen_conformers(mol, [conf_id])
    refuse_unfinished(mol, [conformer])
    return conformer


def _unpaired(mol: Chem.Mol) -> int:
    return sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())


def _atom_lines(mol: Chem.Mol, conformer: Chem.Conformer) -> list[str]:
    places = zip(mol.GetAtoms(), conformer.GetPositions(), strict=True)
    return [f"{atom.GetSymbol():<2} {x:14.8f} {y:14.8f} {z:14.8f}" for atom, (x, y, z) in places]
