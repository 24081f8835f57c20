"""Charts on disk for tests."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["write"]


def write(root: Path, contents: Mapping[str, str | bytes]) -> Path:
    """Write files below ``root`` and return it."""
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root
