"""Pictures of conformers and of how they came about, which need matplotlib; pages, which need nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdkit_ebd.runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from rdkit_ebd.viz.denoising import draw_denoising as draw_denoising
    from rdkit_ebd.viz.denoising import draw_molecules as draw_molecules
    from rdkit_ebd.viz.page import Page as Page
    from rdkit_ebd.viz.paper_figures import draw_fragment_scatter as draw_fragment_scatter
    from rdkit_ebd.viz.paper_figures import draw_spectra as draw_spectra
    from rdkit_ebd.viz.paper_figures import fragment_rmsd as fragment_rmsd
    from rdkit_ebd.viz.pictures import draw_deblurring as draw_deblurring
    from rdkit_ebd.viz.pictures import draw_ensemble as draw_ensemble
    from rdkit_ebd.viz.representatives import draw_representatives as draw_representatives

_HOMES = {
    "Page": "viz.page",
    "draw_deblurring": "viz.pictures",
    "draw_denoising": "viz.denoising",
    "draw_ensemble": "viz.pictures",
    "draw_molecules": "viz.denoising",
    "draw_fragment_scatter": "viz.paper_figures",
    "draw_representatives": "viz.representatives",
    "draw_spectra": "viz.paper_figures",
    "fragment_rmsd": "viz.paper_figures",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
