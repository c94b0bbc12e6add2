"""Where are the weights of a neural potential? In a file that the user names, or in an installed package."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class WeightFile:
    """A file of weights that a package ships.

    Attributes:
        variable: Environment variable that may hold its path.
        package: Package that ships it; it is looked for, not imported.
        place: Path inside that package.
        install: What to type to get it.
    """

    variable: str
    package: str
    place: str
    install: str

    def find(self, path: str | os.PathLike[str] | None = None) -> Path:
        """The file: as given, else as the environment variable says, else in the package.

        Raises:
            FileNotFoundError: There is no file where the user says there is one.
            ImportError: There is none at all; the message has the install line.
        """
        for source, named in (("weights", path), (self.variable, os.environ.get(self.variable))):
            if named:
                if not Path(named).is_file():
                    raise FileNotFoundError(f"{source} names no file: {os.fspath(named)}")
                return Path(named)
        spec = find_spec(self.package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            if (file := Path(folder) / self.place).is_file():
                return file
        raise ImportError(
            f"the weights that package {self.package} ships are missing: {self.install}; "
            f"or let the environment variable {self.variable} name their file"
        )
