"""Recovering the data key of a file from its master keys (getsops/sops ``sops.go``, ``usererrors.go``).

Who can decrypt with a master key is not known here: a :data:`Decrypter` is asked. One that cannot answer at once,
because its key service is elsewhere, raises :class:`Deferred`; what was deferred is collected so that it can be asked
for all at once.
"""

from collections.abc import Callable, Sequence
from typing import Final

from fluxkit.sops import shamir
from fluxkit.sops.errors import DataKeyError, MasterKeyError, SopsError
from fluxkit.sops.metadata import MasterKey, Metadata

__all__ = ["Decrypter", "Deferred", "data_key"]

Decrypter = Callable[[MasterKey], bytes]
"""The data key, or the share of it, that a master key encrypts. Raises :class:`MasterKeyError` or :class:`Deferred`."""

_ORDER: Final = {"age": 0, "pgp": 1}
_KEY_WIDTH: Final = 60
_TRAILER_WIDTH: Final = 75


class Deferred(Exception):
    """The answer has to be fetched from a key service first."""

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        super().__init__(keys)  # survives the way from a worker process
        self.keys = tuple(keys)

    def __str__(self) -> str:
        return f"{len(self.keys)} data keys have to be fetched from key services"


def data_key(metadata: Metadata, decrypt: Decrypter) -> bytes:
    """The data key of a file: from any key of its group, or from enough groups where there are several.

    Raises :class:`DataKeyError`, which says what was tried, and :class:`Deferred` if only more answers can help.
    """
    parts: list[bytes] = []
    results: list[list[tuple[MasterKey, str]] | None] = []
    deferred: list[MasterKey] = []
    for group in metadata.groups:
        waiting: list[MasterKey] = []
        part, failures = _group_part(group, decrypt, waiting)
        if part is not None:
            parts.append(part)
            results.append(None)
        else:
            results.append(failures)
            deferred += waiting
    if len(metadata.groups) == 1:
        if parts:
            return parts[0]
    elif len(parts) >= max(metadata.shamir_threshold, 1):
        try:
            return shamir.combine(parts)
        except SopsError as error:
            raise DataKeyError(f"could not get data key from shamir parts: {error}") from None
    if deferred:
        raise Deferred(deferred)
    raise DataKeyError(_account(metadata, results))


def _group_part(
    group: Sequence[MasterKey], decrypt: Decrypter, waiting: list[MasterKey]
) -> tuple[bytes | None, list[tuple[MasterKey, str]]]:
    failures: list[tuple[MasterKey, str]] = []
    for key in sorted(group, key=lambda key: _ORDER.get(key.kind, 2)):
        try:
            return decrypt(key), failures
        except MasterKeyError as error:
            failures.append((key, str(error)))
        except Deferred:
            waiting.append(key)
    return None, failures


def _account(metadata: Metadata, results: Sequence[list[tuple[MasterKey, str]] | None]) -> str:
    groups = []
    for index, failures in enumerate(results):
        if failures is None:
            groups.append(f"Group {index}: SUCCESS")
            continue
        keys = "\n\n".join(_failed_key(key, problem) for key, problem in failures)
        groups.append(f"Group {index}: FAILED\n{_prefixed(keys, '  ')}")
    if metadata.shamir_threshold:
        found = sum(each is None for each in results)
        trailer = (
            f"Recovery failed because the file was encrypted with a Shamir threshold of {metadata.shamir_threshold}, "
            f"but only {found} part(s) were successfully recovered, one for each successful key group. In order for "
            f"SOPS to recover the file, at least {metadata.shamir_threshold} groups have to be successful. In order "
            "for a group to be successful, decryption has to succeed with any of the keys in that key group."
        )
    else:
        trailer = (
            "Recovery failed because no master key was able to decrypt the file. In order for SOPS to recover the "
            "file, at least one key has to be successful, but none were."
        )
    intro = "Failed to get the data key required to decrypt the SOPS file."
    return "\n\n".join([intro, *groups, _wrapped(trailer, _TRAILER_WIDTH)])


def _failed_key(key: MasterKey, problem: str) -> str:
    listed = _prefixed(_wrapped(problem, _KEY_WIDTH), "  | ")
    return f"{key.name}: FAILED\n{_prefixed('-' + listed[1:], '  ')}"


def _prefixed(text: str, prefix: str) -> str:
    return "\n".join(prefix + line for line in text.split("\n"))


def _wrapped(text: str, width: int) -> str:
    """Lines broken at spaces; words longer than a line stay whole."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return "\n".join(lines)
