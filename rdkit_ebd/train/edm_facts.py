"""What did the published EDM models see in training? Elements, sizes and properties, which their files do not say.

Counted in QM9 with the published split (`rdkit_ebd.data.qm9`): sizes of the 100,000 training molecules, and of the half
that conditional models were trained on; means and mean absolute deviations over the validation molecules, by which
the published code normalises; ranges over that half.
"""

from __future__ import annotations

from rdkit_ebd.generators.edm.published.model import Condition

QM9_ELEMENTS = (1, 6, 7, 8, 9)
GEOM_ELEMENTS = (1, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 33, 35, 53, 80, 83)
QM9_SIZES = {
    3: 1, 4: 4, 5: 5, 6: 9, 7: 16, 8: 49, 9: 124, 10: 362, 11: 807, 12: 1689, 13: 3060, 14: 5136, 15: 7796, 16: 10644,
    17: 13025, 18: 13364, 19: 13832, 20: 9482, 21: 9970, 22: 3393, 23: 4848, 24: 539, 25: 1506, 26: 48, 27: 266, 29: 25,
}  # fmt: skip
QM9_HALF_SIZES = {
    3: 1, 4: 3, 5: 3, 6: 5, 7: 7, 8: 25, 9: 62, 10: 178, 11: 412, 12: 845, 13: 1541, 14: 2587, 15: 3865, 16: 5344,
    17: 6461, 18: 6695, 19: 6944, 20: 4794, 21: 4962, 22: 1701, 23: 2380, 24: 267, 25: 754, 26: 17, 27: 132, 29: 15,
}  # fmt: skip
# Units as in `data.qm9.UNITS`: bohr^3, hartree three times, debye, cal/(mol K).
CONDITIONS = {
    one.name: one
    for one in (
        Condition("alpha", 75.373431, 6.272772, 9.46, 132.47),
        Condition("gap", 0.252217, 0.039024, 0.042, 0.6221),
        Condition("homo", -0.240289, 0.016154, -0.4286, -0.1187),
        Condition("lumo", 0.011928, 0.037990, -0.172, 0.1935),
        Condition("mu", 2.675088, 1.175733, 0.0, 25.2022),
        Condition("cv", 31.620029, 3.211752, 6.278, 46.961),
    )
}
DATA_SETS = {  # name in the published flags -> elements and sizes; how large GEOM's were cannot be counted here
    "qm9": (QM9_ELEMENTS, QM9_SIZES),
    "qm9_second_half": (QM9_ELEMENTS, QM9_HALF_SIZES),
    "qm9_first_half": (QM9_ELEMENTS, {}),
    "geom": (GEOM_ELEMENTS, {}),
}
