"""
Demo
====

What does it do? Conformers of a dozen drugs, their stereochemistry read back from the file, and two pictures.

It writes demo.sdf, demo_deblurring.png and demo_ensemble.png where it is run. With ``--check`` it also asks
PoseBusters, if that is installed.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from rdkit import Chem

import rdkit_ebd
from rdkit_ebd.io import SDFWriter, read_molecules
from rdkit_ebd.viz import draw_deblurring, draw_ensemble

DRUGS = {
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "(S)-ibuprofen": "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O",
    "gabapentin, zwitterion": "[NH3+]CC1(CC(=O)[O-])CCCCC1",
    "celecoxib": "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F",
    "gefitinib": "COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1",
    "oseltamivir phosphate": "CCOC(=O)C1=C[C@@H](OC(CC)CC)[C@H](NC(C)=O)[C@@H]([NH3+])C1.OP(=O)(O)[O-]",
    "morphine": "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    "penicillin G, anion": "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)[O-]",
    "(Z)-tamoxifen": r"CC/C(c1ccccc1)=C(\c1ccccc1)c1ccc(OCCN(C)C)cc1",
    "artemisinin": "C[C@@H]1CC[C@H]2[C@@H](C)C(=O)O[C@@H]3O[C@@]4(C)CC[C@@H]1[C@@]23OO4",
    "atorvastatin": "CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O",
    "erythromycin": "CC[C@H]1OC(=O)[C@H](C)[C@@H](O[C@H]2C[C@@](C)(OC)[C@@H](O)[C@H](C)O2)[C@H](C)"
    "[C@@H](O[C@@H]2O[C@H](C)C[C@@H]([C@H]2O)N(C)C)[C@](C)(O)C[C@@H](C)C(=O)[C@H](C)[C@@H](O)[C@]1(C)O",
}
CONFORMERS = 20
SEED = 42
FLEXIBLE = "gefitinib"  # the one in the pictures


def main() -> int:
    """Embed, write, read back, draw; 0 if every molecule has all its conformers with the written stereochemistry."""
    start = time.perf_counter()
    print(f"{'molecule':24} {'conformers':>10} {'seconds':>8} {'stereo yield':>13}  rejected on the way (cause: times)")
    mols = {name: Chem.AddHs(Chem.MolFromSmiles(smiles)) for name, smiles in DRUGS.items()}
    with SDFWriter("demo.sdf") as writer:
        short = [name for name, mol in mols.items() if not embed(name, mol, writer)]
    wrong = wrong_stereo(mols)
    print(
        f"\ndemo.sdf: {sum(mol.GetNumConformers() for mol in mols.values())} records, "
        f"{sum(wrong.values())} with other stereochemistry than written"
    )
    draw()
    if "--check" in sys.argv[1:]:
        ask_posebusters(mols)
    print(f"{time.perf_counter() - start:.0f} s in all")
    for name in short:
        print(f"FAILED: {name} has fewer than {CONFORMERS} conformers", file=sys.stderr)
    for name, count in wrong.items():
        print(f"FAILED: {name} has {count} conformers of wrong stereochemistry", file=sys.stderr)
    return int(bool(short or wrong))


def embed(name: str, mol: Chem.Mol, writer: SDFWriter) -> bool:
    """Embed and write one molecule, and print its row; whether all conformers are there."""
    report = rdkit_ebd.EmbedWithReport(mol, CONFORMERS, randomSeed=SEED, numThreads=0)
    writer.write(mol, name)
    stereo = "none written" if report.stereo_yield is None else f"{100 * report.stereo_yield:.0f} %"
    # What distance geometry tried and dropped within a seed is RDKit's business; here is what the judgement saw.
    causes = {cause: n for cause, n in report.failures.most_common() if cause in rdkit_ebd.FailureCause.__members__}
    seen = ", ".join(f"{cause}: {n}" for cause, n in causes.items()) or "nothing"
    seconds = sum(report.seconds.values())
    print(f"{name:24} {len(report.ids):>4} of {CONFORMERS:>2} {seconds:>8.2f} {stereo:>13}  {seen}", flush=True)
    return report.ok


def wrong_stereo(mols: dict[str, Chem.Mol]) -> Counter[str]:
    """Conformers whose stereochemistry, read from the coordinates in demo.sdf alone, is not the SMILES's."""
    wrong: Counter[str] = Counter()
    for entry in read_molecules("demo.sdf"):
        if entry.mol is None or isomeric(entry.mol) != isomeric(mols[entry.name]):
            wrong[entry.name] += 1
    return wrong


def isomeric(mol: Chem.Mol) -> str:
    """Canonical SMILES without hydrogens."""
    return Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(mol)))


def draw() -> None:
    """Draw how one conformer of a flexible drug comes about, and all of its conformers."""
    mol = Chem.AddHs(Chem.MolFromSmiles(DRUGS[FLEXIBLE]))
    mol.SetProp("_Name", FLEXIBLE)
    paths: dict[int, Chem.Mol] = {}
    rdkit_ebd.EmbedMoleculeEBD(mol, CONFORMERS, randomSeed=SEED, numThreads=0, callback=paths.__setitem__)
    print(f"{draw_deblurring(paths[0], 'demo_deblurring.png')}: how conformer 0 of {FLEXIBLE} comes about")
    print(f"{draw_ensemble(mol, 'demo_ensemble.png')}: the {mol.GetNumConformers()} conformers of {FLEXIBLE}")


def ask_posebusters(mols: dict[str, Chem.Mol]) -> None:
    """Print how many conformers pass PoseBusters' checks of single molecules, the slow energy ratio left out."""
    try:
        from posebusters import PoseBusters
    except ImportError:
        print("PoseBusters is not installed (pip install posebusters): not checked")
        return
    conformers = [Chem.Mol(mol, False, c.GetId()) for mol in mols.values() for c in mol.GetConformers()]
    table = PoseBusters("mol_fast").bust(conformers)
    passed = table.all(axis=1)
    print(f"PoseBusters (mol_fast): {passed.sum()} of {len(passed)} conformers pass every check")
    for check, failures in (~table.astype(bool)).sum().items():
        if failures:
            print(f"  {check}: {failures} fail" + " (a salt is two molecules)" * (check == "all_atoms_connected"))


if __name__ == "__main__":
    sys.exit(main())
