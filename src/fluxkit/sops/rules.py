"""Which values of a file are encrypted (getsops/sops ``sops.go``, shouldBeEncrypted)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import re2

from fluxkit.sops.errors import SopsError

__all__ = ["DEFAULT_UNENCRYPTED_SUFFIX", "Rules"]

DEFAULT_UNENCRYPTED_SUFFIX: Final = "_unencrypted"


@dataclass(frozen=True)
class Rules:
    """At most one of the rules is set; without any, everything is encrypted but keys that end in ``_unencrypted``."""

    unencrypted_suffix: str = ""
    encrypted_suffix: str = ""
    unencrypted_regex: str = ""
    encrypted_regex: str = ""
    unencrypted_comment_regex: str = ""
    encrypted_comment_regex: str = ""
    mac_only_encrypted: bool = False
    _patterns: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def by_comment(self) -> bool:
        """Whether comments decide, so that a file without its comments no longer tells what is encrypted."""
        return bool(self.unencrypted_comment_regex or self.encrypted_comment_regex)

    def encrypts(self, path: Sequence[str], comments: Sequence[Sequence[str]], is_comment: bool) -> bool:
        """Whether the value at ``path`` is encrypted; ``comments`` are those before it, by level."""
        encrypted = True
        if self.unencrypted_suffix:
            encrypted = not any(key.endswith(self.unencrypted_suffix) for key in path)
        if self.encrypted_suffix:
            encrypted = any(key.endswith(self.encrypted_suffix) for key in path)
        if self.unencrypted_regex and self._any(self.unencrypted_regex, path):
            encrypted = False
        if self.encrypted_regex:
            encrypted = self._any(self.encrypted_regex, path)
        if self.unencrypted_comment_regex and any(self._any(self.unencrypted_comment_regex, each) for each in comments):
            encrypted = False
        if self.encrypted_comment_regex:
            encrypted = self._commented(comments, is_comment)
        return encrypted

    def _commented(self, comments: Sequence[Sequence[str]], is_comment: bool) -> bool:
        """The comment that asks for encryption stays in the clear itself, unless an earlier one asks for it, too."""
        *outer, last = comments
        considered = [*outer, last[:-1] if is_comment else last]
        return any(self._any(self.encrypted_comment_regex, each) for each in considered)

    def _any(self, pattern: str, texts: Sequence[str]) -> bool:
        return any(self._matches(pattern, text) for text in texts)

    def _matches(self, pattern: str, text: str) -> bool:
        if pattern in self._patterns:
            compiled = self._patterns[pattern]
        else:
            try:
                compiled = re2.compile(pattern, _quiet())
            except re2.error:
                compiled = None  # upstream takes an invalid expression as one that matches nothing
            self._patterns[pattern] = compiled
        return compiled is not None and compiled.search(text.encode("utf-8", "surrogateescape")) is not None

    def check(self) -> None:
        """Raises :class:`SopsError` if more than one rule is set."""
        rules = (
            self.unencrypted_suffix,
            self.encrypted_suffix,
            self.unencrypted_regex,
            self.encrypted_regex,
            self.unencrypted_comment_regex,
            self.encrypted_comment_regex,
        )
        if sum(map(bool, rules)) > 1:
            raise SopsError(
                "Cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, "
                "encrypted_comment_regex, or unencrypted_comment_regex in the same file"
            )


def _quiet() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options
