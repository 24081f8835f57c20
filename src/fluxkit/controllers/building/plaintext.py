"""What decryption takes and gives, apart from decrypting: builds that decrypt nothing load no cryptography."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["DecryptedSources", "DecryptionFailed", "DecryptionKeys"]

_WORD: Final = re.compile(rb"[^\s=:,'\"\[\]{}]+")
_SHORTEST_SECRET: Final = 4


class DecryptionFailed(Exception):
    """The text names file or object and what was tried, and holds nothing decrypted."""


@dataclass(frozen=True, slots=True)
class DecryptionKeys:
    """What there is to decrypt with."""

    age: tuple[str, ...] = field(default=(), repr=False)
    """Identity files."""
    answers: Mapping[tuple[str, str, str], bytes | str] = field(default_factory=dict, repr=False)
    """What key services have said, as :data:`fluxkit.sops.answers.Answers`."""


@dataclass(slots=True)
class DecryptedSources:
    """Files in the clear by path relative to the root, and which files the result depends on."""

    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    read: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)

    def redacted(self, text: str, root: Path) -> str:
        """A message of the build without what only decryption has brought to light."""
        for path, plain in self.files.items():
            encrypted = (root / path).read_bytes()
            lines = {line.strip() for line in plain.splitlines()}
            for part in sorted(lines | set(_WORD.findall(plain)), key=len, reverse=True):
                if len(part) >= _SHORTEST_SECRET and part not in encrypted:
                    text = text.replace(part.decode("utf-8", "replace"), "<redacted>")
        return text
