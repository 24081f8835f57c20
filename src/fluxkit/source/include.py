"""Placing the content of another source's artifact into a tree, before that tree is archived (``spec.include``).

Upstream: fluxcd/pkg ``artifact/storage`` CopyToPath, fluxcd/source-controller reconcileInclude.
"""

import os
import shutil
import tempfile
from pathlib import Path

from fluxkit.source import archive
from fluxkit.source.errors import ArchiveError, IncludeError, PathError
from fluxkit.source.paths import secure_join

__all__ = ["place"]


def place(artifact_file: Path, from_path: str, tree: Path, to_path: str) -> None:
    """Move ``from_path`` of a stored archive (its root if empty) to ``to_path`` of ``tree``.

    Both paths are joined securely. An include is never merged: a ``to_path`` that exists must be an empty directory or
    be replaced by a file. Blocks. Raises IncludeError, with reason ``IllegalPath`` for an unusable ``to_path``.
    """
    try:
        target = secure_join(tree, to_path)
    except PathError as problem:
        raise IncludeError(f"path calculation for include failed: {problem}", reason="IllegalPath") from None
    if target == tree:
        raise IncludeError(f"path calculation for include failed: '{to_path}' is the root", reason="IllegalPath")
    workplace = Path(tempfile.mkdtemp(prefix="include-", dir=tree.parent))
    try:
        archive.extract(artifact_file, workplace / "unpacked", max_bytes=None, skip_symlinks=False)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(secure_join(workplace / "unpacked", from_path), target)
    except (OSError, ArchiveError, PathError) as problem:
        detail = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise IncludeError(f"failed to copy include from {from_path or '/'} to {to_path}: {detail}") from problem
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
