"""Is this file the finished output of this very job? It carries a mark, where its file system has room for one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rdkit_ebd.runtime.journal import file_digest

_MARK = "user.rdkit_ebd.job"  # extended attribute; copies of the file may lack it, and are then of an unknown job


def mark_finished(output: str | os.PathLike[str], manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    """Mark a file as the finished output of a job; nothing where the system has no extended attributes.

    Args:
        output: The file, complete.
        manifest: Everything that determines it, as JSON takes it.
        summary: What to know of it without looking into it, as JSON takes it.
    """
    content = {"job": _digest(manifest), "sha256": file_digest(Path(output)), "summary": dict(summary)}
    with suppress(OSError, AttributeError):  # an attribute has little room, and Windows and macOS have none for Python
        os.setxattr(output, _MARK, json.dumps(content).encode())


def finished_summary(output: str | os.PathLike[str], manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The summary of a file that is the finished output of this job; None where it is not, or nobody can say."""
    try:
        content = json.loads(os.getxattr(output, _MARK))
        same = content["job"] == _digest(manifest) and content["sha256"] == file_digest(Path(output))
        return dict(content["summary"]) if same else None
    except (OSError, AttributeError, ValueError, TypeError, KeyError):
        return None


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
