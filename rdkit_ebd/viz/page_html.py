"""How does data become one HTML page that is safe to open? Texts stay data, and a policy names the scripts that run."""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

ASSETS = Path(__file__).parent / "assets"
VERSION = "2.5.5"  # of 3Dmol.js at the CDN
CDN = f"https://cdn.jsdelivr.net/npm/3dmol@{VERSION}/build/3Dmol-min.js"
CDN_HASH = "sha384-OsczYbldvrHgslr9fFp/i4GiLSeuw9l+QIlv99ITw8soOwXcoGeflFMLg+CU/X1d"
VARIABLE = "RDKIT_EBD_3DMOL"  # names the file of an installed 3Dmol.js
IN_PACKAGE = Path("3dmol", "build", "3Dmol-min.js")
LARGEST_SCRIPT = 20_000_000  # bytes
_ENDS_SCRIPT = ("</script", "<!--", "<script")


@dataclass(frozen=True)
class Drawing:
    """What draws in the page.

    Attributes:
        script: The text of 3Dmol.js; empty where the page has none.
        address: Where the browser loads it from; empty where nothing is loaded.
    """

    script: str = ""
    address: str = ""

    @property
    def words(self) -> str:
        """Where it comes from, for the page's reader."""
        return f"loaded from {self.address}" if self.address else "which is in the page" if self.script else ""


def drawing(choice: str | os.PathLike[str] = "auto") -> Drawing:
    """Find what draws in the page.

    Args:
        choice: "auto" for an installed 3Dmol.js, else the CDN; "cdn", "none", or the file of 3Dmol.js.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not 3Dmol.js, or cannot stand in a page.
    """
    if choice == "none":
        return Drawing()
    file = next(_installed(), None) if choice == "auto" else None if choice == "cdn" else Path(choice)
    return Drawing(script=_script(file)) if file else Drawing(address=CDN)


def page_html(title: str, data: Mapping[str, Any], drawn: Drawing) -> str:
    """The page: everything that strangers wrote is in its title, escaped, and in JSON that its script shows as text."""
    script = (ASSETS / "page.js").read_text(encoding="utf-8")
    tag, sources = "", [_hash(script)]
    if drawn.address:
        tag = f'<script id="drawing" async src="{CDN}" integrity="{CDN_HASH}" crossorigin="anonymous"></script>'
        sources.append(CDN)
    elif drawn.script:
        tag = f'<script id="drawing">{drawn.script}</script>'
        sources.append(_hash(drawn.script))
    policy = (
        f"default-src 'none'; script-src {' '.join(sources)}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template((ASSETS / "page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        policy=policy,
        style=(ASSETS / "page.css").read_text(encoding="utf-8"),
        data=as_json({**data, "drawer": drawn.words}),
        drawing=tag,
        script=script,
    )


def as_json(data: Any) -> str:
    """JSON in ASCII that no HTML parser takes for a tag, a comment or a character reference."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _installed() -> Iterator[Path]:
    """Files of an installed 3Dmol.js; none of the working folder, which may be a stranger's."""
    if os.environ.get(VARIABLE):
        yield Path(os.environ[VARIABLE])
    found = importlib.util.find_spec("py3Dmol")
    folders = [Path(folder) for folder in (found.submodule_search_locations or [] if found else [])]
    named = [Path(folder) / IN_PACKAGE for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder]
    shared = [Path(p, "lib", "node_modules") / IN_PACKAGE for p in (sys.prefix, "/usr/local", "/usr")]
    yield from (file for file in [*(f / "3Dmol-min.js" for f in folders), *named, *shared] if file.is_file())


def _script(file: Path) -> str:
    if file.stat().st_size > LARGEST_SCRIPT:
        raise ValueError(f"{str(file)!r} is larger than {LARGEST_SCRIPT} bytes: give 3Dmol-min.js")
    # the browser reads line ends as \n, and the policy has the hash of what it reads
    text = file.read_bytes().decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    if "createViewer" not in text:
        raise ValueError(f"{str(file)!r} is not 3Dmol.js: give the 3Dmol-min.js of the npm package 3dmol")
    lower = text.lower()
    ends = [sign for sign in _ENDS_SCRIPT if sign in lower]
    if ends:
        raise ValueError(f"{str(file)!r} has {ends[0]!r} in it, which would end it in a page: give 3Dmol-min.js")
    return text
