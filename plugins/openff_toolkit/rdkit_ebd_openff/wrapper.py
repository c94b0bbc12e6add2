"""What does the OpenFF toolkit call? RDKit's wrapper in everything but its conformers, which are EBD's."""

from __future__ import annotations

from typing import Any

from openff.toolkit import Molecule, Quantity, unit
from openff.toolkit.utils.exceptions import ConformerGenerationError
from openff.toolkit.utils.rdkit_wrapper import RDKitToolkitWrapper
from rdkit.Chem import rdDistGeom

import rdkit_ebd
from rdkit_ebd_openff import INSTALL
from rdkit_ebd_openff.conformers import checked_parameters, embed_for_toolkit


class EBDToolkitWrapper(RDKitToolkitWrapper):
    """A toolkit wrapper whose `generate_conformers` uses Equivariant Blurring Diffusion.

    Everything else is RDKit's. It can be given to any call that takes a `toolkit_registry`, and pickles.

    Args:
        params: How the conformers are made: an `EBD`, or RDKit's `EmbedParameters`, which are converted; None for
            `toolkit_parameters()`: a fixed seed, and ETKDGv3 for molecules the model does not know. `pruneRmsThresh`
            and `clearConfs` follow from each call instead.

    Attributes:
        params: A copy of the above.
        report: `EmbedReport` of the latest call; None before the first, and where that call raised an error before any
            conformer was attempted. The toolkit's molecules have no place for the provenance of a conformer, so this
            is where to see how many the model did not make.

    Raises:
        TypeError: `params` is anything else, such as a dictionary.

    Example:
        >>> from openff.toolkit import Molecule
        >>> molecule = Molecule.from_smiles("CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O")
        >>> wrapper = EBDToolkitWrapper()
        >>> molecule.generate_conformers(n_conformers=5, toolkit_registry=wrapper)
        >>> molecule.n_conformers == len(wrapper.report.ids) > 1
        True
    """

    _toolkit_name = "rdkit_ebd (Equivariant Blurring Diffusion)"
    _toolkit_installation_instructions = f"rdkit_ebd comes by pip, the toolkit by: {INSTALL}"

    def __init__(self, params: rdkit_ebd.EBD | rdDistGeom.EmbedParameters | None = None) -> None:
        super().__init__()
        self._toolkit_version = rdkit_ebd.__version__
        self.params = checked_parameters(params)
        self.report: rdkit_ebd.EmbedReport | None = None

    def generate_conformers(
        self,
        molecule: Molecule,
        n_conformers: int = 1,
        rms_cutoff: Quantity | None = None,
        clear_existing: bool = True,
        _cls: type | None = None,
        make_carboxylic_acids_cis: bool = False,
    ) -> None:
        """Generate conformers and add them to the molecule, which is touched only once they are there.

        Args:
            molecule: Its atoms keep their order.
            n_conformers: Most conformers wanted.
            rms_cutoff: Conformers nearer than this are redundant, by symmetry-aware heavy-atom RMSD; None for 1 A.
            clear_existing: Replace the conformers the molecule has.
            _cls: Part of the toolkit's signature; not needed, for no molecule is made.
            make_carboxylic_acids_cis: Turn the proton of every trans COOH, in all conformers of the molecule.

        Raises:
            ConformerGenerationError: No conformer could be made; the message has the causes.
            TypeError: `rms_cutoff` is not a length with its unit.
        """
        self.report = None
        cutoff = _angstroms(rms_cutoff)
        try:
            embedded, self.report = embed_for_toolkit(self.to_rdkit(molecule), n_conformers, cutoff, self.params)
        except ValueError as error:  # without a fallback: elements or sizes that the model does not know
            raise ConformerGenerationError(f"RDKit conformer generation by EBD failed: {error}") from error
        if n_conformers and not self.report.ids:
            raise ConformerGenerationError(f"RDKit conformer generation by EBD failed: {self.report.summary()}")
        if clear_existing:
            molecule._conformers = []
        for conformer in embedded.GetConformers():
            molecule._add_conformer(Quantity(conformer.GetPositions(), unit.angstrom))
        if make_carboxylic_acids_cis:
            molecule._make_carboxylic_acids_cis(toolkit_registry=self)


def _angstroms(cutoff: Any) -> float:
    if cutoff is None:
        return 1.0
    if not isinstance(cutoff, Quantity) or not cutoff.is_compatible_with(unit.angstrom):
        raise TypeError(f"rms_cutoff must be a length, such as Quantity(0.5, 'angstrom'), not {cutoff!r}")
    return float(cutoff.m_as(unit.angstrom))
