"""What makes an OpenMM System an energy surface? A reused Context, and minima that say whether they are.

Importing this module needs OpenMM, so potentials import it when they are first used.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence

import numpy as np

from rdkit_ebd.potentials.base import Minimum, Surface, check_request, checked_coords

try:
    import openmm
except ImportError as error:
    raise ImportError('OpenMM is not installed: pip install "rdkit_ebd[openmm]"') from error

ANGSTROM = 0.1  # nm
KCAL = 4.184  # kJ

# A drug has too few atoms to keep several threads or a GPU busy: in one thread Reference is as fast as CPU, or faster.
# It works in double precision, so that minima can be tight and are the same whatever the machine.
DEFAULT_PLATFORM = "Reference"
# Single precision is too coarse for CONVERGED; not every OpenCL device has double.
_PRECISION = {"CUDA": "double", "HIP": "double", "OpenCL": "mixed"}
CONVERGED = 0.005  # kcal/mol/angstrom, root mean square over the coordinates that are free to move

_HEAVIER_THAN_HYDROGEN = 4.5  # Da: also more than tritium and than the hydrogens of systems with repartitioned masses
_RESTRAINT = "restraint"


class OpenMMSurface(Surface):
    """The surface of a System with neither constraints nor virtual sites; every conformer uses the same Context.

    Attributes:
        notes: What a reader of the energies should know.
        platform: Name of the OpenMM platform.
    """

    def __init__(self, system: openmm.System, notes: Sequence[str] = (), platform: str | None = None) -> None:
        """Take a System, which is copied.

        Args:
            system: Its particles are the atoms, in order.
            notes: What a reader of the energies should know, such as where the charges came from.
            platform: "Reference", "CPU", "CUDA", "OpenCL" or another that is installed; None for the default.

        Raises:
            ValueError: The system has constraints or virtual sites, whose forces a minimum cannot be judged by.
            ImportError: The platform is not installed.
        """
        _refuse_constraints(system)
        self.notes = tuple(notes)
        self.platform = platform or DEFAULT_PLATFORM
        self._system = copy.deepcopy(system)
        self._held = _HeldSystem(self._system, find_platform(self.platform))

    def energy(self, coords: np.ndarray) -> float:
        """Energy in kcal/mol at coordinates (N, 3) in angstrom."""
        self._held.place(checked_coords(coords, self._system.getNumParticles()))
        return self._held.energy()

    def gradient(self, coords: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy in kcal/mol and gradient (N, 3) in kcal/mol/angstrom."""
        self._held.place(checked_coords(coords, self._system.getNumParticles()))
        return self._held.energy(), self._held.gradient()

    def minimise(
        self, coords: np.ndarray, max_iters: int, fixed: Collection[int] = (), restraint: float = 0.0
    ) -> Minimum:
        """Relax one conformer by L-BFGS until the root mean square of the gradient is below `CONVERGED`.

        Where the energy is no longer finite, and where atoms lie on each other, which by symmetry nothing would drive
        apart, the conformer stays where it was, energy NaN, not converged.

        Args:
            coords: (N, 3) angstrom; not changed.
            max_iters: Iterations in all, at least 1.
            fixed: Atoms that do not move at all.
            restraint: Force constant k of k |x - start|^2 on every heavy atom, kcal/mol/angstrom^2; 0 for none.

        Raises:
            ValueError: Anything of the above is out of range.
        """
        start = checked_coords(coords, self._system.getNumParticles())
        check_request(self._system.getNumParticles(), max_iters, fixed, restraint)
        if len(np.unique(start, axis=0)) < len(start):
            return Minimum(start, float("nan"), False)
        self._hold(frozenset(fixed), restraint > 0)
        self._held.place(start)
        self._held.restrain(start, restraint)
        return self._held.minimise(start, max_iters)

    def _hold(self, fixed: frozenset[int], restrained: bool) -> None:
        """Keep the Context if it will do, since making one can take longer than minimising in it."""
        if (self._held.fixed, self._held.restrained) != (fixed, restrained):
            self._held = _HeldSystem(self._system, find_platform(self.platform), fixed, restrained)


class _HeldSystem:
    """A Context of a System some of whose atoms are fixed, and whose heavy atoms can be tied to where they started."""

    def __init__(
        self,
        system: openmm.System,
        platform: openmm.Platform,
        fixed: frozenset[int] = frozenset(),
        restrained: bool = False,
    ) -> None:
        self.fixed, self.restrained = fixed, restrained
        system = copy.deepcopy(system)
        self._ties = _add_ties(system) if restrained else None
        for atom in fixed:
            system.setParticleMass(atom, 0.0)  # the minimiser moves no particle without mass
        self._free = np.array(
            [system.getParticleMass(i)._value > 0 for i in range(system.getNumParticles())], dtype=bool
        )
        self._context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, _properties(platform))

    def place(self, coords: np.ndarray) -> None:
        self._context.setPositions(coords * ANGSTROM)

    def restrain(self, anchors: np.ndarray, constant: float) -> None:
        """Tie heavy atoms to anchors (N, 3) in angstrom, kcal/mol/angstrom^2."""
        if self._ties is None:
            return
        for index in range(self._ties.getNumParticles()):
            atom, _ = self._ties.getParticleParameters(index)
            self._ties.setParticleParameters(index, atom, (anchors[atom] * ANGSTROM).tolist())
        self._ties.updateParametersInContext(self._context)
        self._context.setParameter(_RESTRAINT, constant * KCAL / ANGSTROM**2)

    def energy(self) -> float:
        return float(self._context.getState(energy=True).getPotentialEnergy()._value) / KCAL

    def gradient(self) -> np.ndarray:
        forces = self._context.getState(forces=True).getForces(asNumpy=True)._value
        return -np.asarray(forces) * (ANGSTROM / KCAL)

    def minimise(self, start: np.ndarray, max_iters: int) -> Minimum:
        """Descend from where the atoms are placed; what is not finite then ends where it started."""
        try:
            self._descend(max_iters)
            converged = self._slope() <= CONVERGED
        except openmm.OpenMMException as error:
            if "nan" not in str(error).lower():  # some platforms raise it, others carry on
                raise
            return Minimum(start, float("nan"), False)
        finally:
            self._release()
        energy = self.energy()
        coords = np.where(self._free[:, None], self._coords(), start)  # exactly, not as rounded on the way through nm
        failed = not (np.isfinite(energy) and np.isfinite(coords).all())
        return Minimum(start, float("nan"), False) if failed else Minimum(coords, energy, converged)

    def _descend(self, max_iters: int) -> None:
        """Minimise again where the minimiser stops early, as it does when its line search fails."""
        iterations, before = _Iterations(), -1
        tolerance = CONVERGED * KCAL / ANGSTROM
        while before < iterations.done < max_iters and CONVERGED < self._slope() < np.inf:
            before = iterations.done
            openmm.LocalEnergyMinimizer.minimize(self._context, tolerance, max_iters - before, iterations)

    def _slope(self) -> float:
        """Root mean square of the gradient, ties included: it is their sum with the potential that has the minimum."""
        free = self.gradient()[self._free]
        return float(np.sqrt(np.mean(free**2))) if len(free) else 0.0

    def _release(self) -> None:
        if self._ties is not None:
            self._context.setParameter(_RESTRAINT, 0.0)

    def _coords(self) -> np.ndarray:
        return np.asarray(self._context.getState(positions=True).getPositions(asNumpy=True)._value) / ANGSTROM


class _Iterations(openmm.MinimizationReporter):
    """Counts; the minimiser itself does not tell how many iterations it took."""

    done = 0

    def report(self, iteration: int, x: object, grad: object, args: object) -> bool:
        """Called after each iteration; True would stop the minimiser."""
        self.done += 1
        return False


def find_platform(name: str) -> openmm.Platform:
    """An OpenMM platform by name.

    Raises:
        ImportError: It is not installed.
    """
    names = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]
    if name not in names:
        raise ImportError(
            f"OpenMM has no {name!r} platform here, only {', '.join(names)}; "
            'CUDA comes with: pip install "openmm[cuda12]" or "openmm[cuda13]"'
        )
    return openmm.Platform.getPlatformByName(name)


def _properties(platform: openmm.Platform) -> dict[str, str]:
    precision = _PRECISION.get(platform.getName())
    return {"Precision": precision} if precision else {}


def _refuse_constraints(system: openmm.System) -> None:
    if system.getNumConstraints():
        raise ValueError("the system has constraints: build it from a force field without them")
    sites = [i for i in range(system.getNumParticles()) if system.isVirtualSite(i)]
    if sites:
        raise ValueError(f"particles {sites} are virtual sites, not atoms")


def _add_ties(system: openmm.System) -> openmm.CustomExternalForce:
    """One tie for each heavy atom, without strength or anchor as yet."""
    ties = openmm.CustomExternalForce(f"{_RESTRAINT}*((x-x0)^2+(y-y0)^2+(z-z0)^2)")
    ties.addGlobalParameter(_RESTRAINT, 0.0)
    for anchor in ("x0", "y0", "z0"):
        ties.addPerParticleParameter(anchor)
    for atom in range(system.getNumParticles()):
        if system.getParticleMass(atom)._value > _HEAVIER_THAN_HYDROGEN:
            ties.addParticle(atom, (0.0, 0.0, 0.0))
    system.addForce(ties)
    return ties
