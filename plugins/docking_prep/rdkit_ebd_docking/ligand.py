"""How is one ligand made ready for docking? An EBD ensemble, one low-energy conformer per ring pucker, PDBQT or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from rdkit import Chem

from rdkit_ebd import EBD, EmbedReport, EmbedWithReport, FailureCause, get_provenance
from rdkit_ebd_docking.pdbqt import to_pdbqt
from rdkit_ebd_docking.puckers import ring_puckers

FORMATS = ("pdbqt", "sdf")


@dataclass(frozen=True)
class DockPrep:
    """Settings of a preparation.

    Attributes:
        numConfs: Conformers made before pruning and window.
        randomSeed: As in RDKit; -1 for fresh random numbers.
        pruneRmsThresh: Conformers this close to a kept one are dropped, angstrom.
        score: Method of the energies.
        energyWindow: Conformers this far above the lowest are dropped, kcal/mol; None for none.
        maxPuckers: Most ring puckers per molecule that become ligands of their own, lowest energy first.
        format: "pdbqt": one file per pucker; "sdf": the whole ensemble, for programs that take conformers.
        model: EBD model.
        fallback: "ETKDGv3" for RDKit's conformers where the model cannot make any, or "none".
        timeout: Seconds per molecule.
        stereo: Molecules with undefined stereochemistry: "enumerate" prepares each isomer as a ligand of its own,
            "refuse" none, "keep" a mixture of isomers.
    """

    numConfs: int = 20
    randomSeed: int = 42
    pruneRmsThresh: float = 0.5
    score: str = "MMFF94s"
    energyWindow: float | None = 10.0
    maxPuckers: int = 4
    format: str = "pdbqt"
    model: str = "default"
    fallback: str = "ETKDGv3"
    timeout: int = 120
    stereo: str = "enumerate"

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format must be one of {FORMATS}, not {self.format!r}")
        for name in ("numConfs", "maxPuckers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)!r}")
        self.parameters().validate()

    def parameters(self) -> EBD:
        """The embedding these settings ask for."""
        own = {f.name for f in fields(self)} - {"numConfs", "maxPuckers", "format"}
        return EBD(**{name: getattr(self, name) for name in own})

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes them."""
        return asdict(self)


@dataclass
class PreparedLigand:
    """A ligand ready for docking.

    Attributes:
        mol: The molecule with its ensemble; hydrogens explicit, the atoms given before those added.
        name: Its name.
        conf_ids: One conformer per pucker, lowest energy first; all conformers for the format "sdf".
        pdbqts: PDBQT of each of `conf_ids`; empty for the format "sdf".
        puckers: How many ring puckers the ensemble has.
        failures: Causes of what could not be made, and how often.
        messages: What a reader should know.
        report: Of the embedding.
    """

    mol: Chem.Mol
    name: str
    conf_ids: list[int] = field(default_factory=list)
    pdbqts: list[str] = field(default_factory=list)
    puckers: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    messages: list[str] = field(default_factory=list)
    report: EmbedReport = field(default_factory=EmbedReport)

    @property
    def ok(self) -> bool:
        """Whether there is anything to dock."""
        return bool(self.conf_ids)


def PrepareLigand(mol: Chem.Mol, settings: DockPrep | None = None, name: str | None = None) -> PreparedLigand:
    """Make a ligand's ensemble and pick what is docked.

    Args:
        mol: The ligand in the protonation state to dock; not changed. Missing hydrogens are added.
        settings: None for the defaults.
        name: None for the molecule's own name, or its SMILES where it has none.

    Returns:
        The ligand; without conformers or PDBQT where that failed, and then `failures` and `messages` say why.

    Raises:
        TypeError: `mol` is not a molecule.
        ImportError: Meeko is missing and PDBQT was asked for.
    """
    settings = settings or DockPrep()
    if not isinstance(mol, Chem.Mol):
        raise TypeError(f"mol must be a Chem.Mol, not {type(mol).__name__}")
    ligand = PreparedLigand(Chem.AddHs(mol), name or _name(mol))
    ligand.mol.RemoveAllConformers()
    components = len(Chem.GetMolFrags(mol))
    if settings.format == "pdbqt" and components != 1:
        return _failed(ligand, "COMPONENTS", f"{components} components: dock the ligand without its counterions")
    try:
        ligand.report = EmbedWithReport(ligand.mol, settings.numConfs, settings.parameters())
    except ValueError as error:  # an element no method knows, no atoms
        return _failed(ligand, FailureCause.UNSUPPORTED, str(error))
    ligand.failures.update(cause for _, cause in ligand.report.failed)
    ligand.messages += ligand.report.messages
    if ligand.report.undefined_stereo:
        ligand.messages.append(ligand.report.undefined_stereo)
    if not ligand.report.ids:
        return _failed(ligand, "NO_CONFORMER", ligand.report.summary())
    by_energy = sorted(ligand.report.ids, key=lambda i: _energy(ligand.mol, i))
    groups = ring_puckers(ligand.mol, by_energy)
    ligand.puckers = len(groups)
    if settings.format == "sdf":
        ligand.conf_ids = by_energy
        return ligand
    return _write_pdbqts(ligand, [group[0] for group in groups[: settings.maxPuckers]])


def _write_pdbqts(ligand: PreparedLigand, conf_ids: list[int]) -> PreparedLigand:
    for number, conf_id in enumerate(conf_ids, start=1):
        title = ligand.name if len(conf_ids) == 1 else f"{ligand.name} pucker {number} of {len(conf_ids)}"
        try:
            ligand.pdbqts.append(to_pdbqt(ligand.mol, conf_id, title))
        except ValueError as error:
            return _failed(ligand, "PDBQT", str(error))
        ligand.conf_ids.append(conf_id)
    return ligand


def _failed(ligand: PreparedLigand, cause: str, message: str) -> PreparedLigand:
    ligand.failures[cause] += 1
    ligand.messages.append(message)
    return ligand


def _energy(mol: Chem.Mol, conf_id: int) -> float:
    """kcal/mol; infinite where there is none, so that the order is kept."""
    energy = get_provenance(mol.GetConformer(conf_id)).get("ebd_energy")
    return float("inf") if energy is None or energy != energy else float(energy)


def _name(mol: Chem.Mol) -> str:
    name = mol.GetProp("_Name") if mol.HasProp("_Name") else ""
    return name.strip() or str(Chem.MolToSmiles(Chem.RemoveHs(mol)))
