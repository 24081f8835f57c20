"""The content of a SOPS file: ordered, typed, with its comments; decrypting and encrypting it as a whole.

Follows getsops/sops ``sops.go``. A branch is a list of (key, value) pairs; a pair whose key is a :class:`Comment` has
no value. Values are ``str`` (bytes that are not UTF-8 are kept as surrogate escapes), ``bytes``, ``bool``, ``int``,
``float``, ``None``, :class:`Timestamp`, lists of values and comments, and branches.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from fluxkit.sops import cipher
from fluxkit.sops.errors import SopsError
from fluxkit.sops.rules import Rules
from fluxkit.sops.values import Comment, Timestamp, to_bytes

__all__ = ["Branch", "Document", "decrypt_document", "encrypt_document"]

_MAC_ONLY_ENCRYPTED_START: Final = hashlib.sha256(b"sops").digest()
_MAX_DEPTH: Final = 200
_LOOKS_ENCRYPTED: Final = re.compile(r"ENC\[AES256_GCM,data:.+,iv:.+,tag:.+,type:.+\]")


class Branch(list[tuple[Any, Any]]):
    """The pairs of a mapping in the order of the file; a key may be a :class:`Comment`."""

    __slots__ = ()


Document = list[Branch]
"""The branches of a file: one, except for YAML files with several documents."""

_Leaf = Callable[[Any, tuple[str, ...], Sequence[Sequence[str]]], Any]


class _Walk:
    """Replaces the leaves of a document, in order, telling each its path and the comments before it."""

    def __init__(self, on_leaf: _Leaf) -> None:
        self._on_leaf = on_leaf

    def branch(self, branch: Branch, path: tuple[str, ...], comments: list[list[str]]) -> Branch:
        if len(comments) > _MAX_DEPTH:
            raise SopsError(f"nested deeper than {_MAX_DEPTH} levels")
        active: list[str] = []
        stack = [*comments, active]
        result = Branch()
        for key, value in branch:
            if isinstance(key, Comment):
                active.append(key.value)
                result.append((_comment(self._on_leaf(key, path, stack), key), None))
                continue
            if not isinstance(key, str):
                raise SopsError(
                    f"Tree contains a non-string key (type {_type_name(key)}): {key}. Only string keys are supported"
                )
            result.append((key, self._value(value, (*path, key), stack)))
            active.clear()
        return result

    def _value(self, value: Any, path: tuple[str, ...], stack: list[list[str]]) -> Any:
        if isinstance(value, Branch):
            return self.branch(value, path, stack)
        if isinstance(value, list):
            return self._list(value, path, stack)
        if value is None:
            return None
        return self._on_leaf(value, path, stack)

    def _list(self, values: list[Any], path: tuple[str, ...], comments: list[list[str]]) -> list[Any]:
        if len(comments) > _MAX_DEPTH:
            raise SopsError(f"nested deeper than {_MAX_DEPTH} levels")
        active: list[str] = []
        stack = [*comments, active]
        result = []
        for value in values:
            if isinstance(value, Comment):
                active.append(value.value)
                result.append(self._on_leaf(value, path, stack))
                continue
            result.append(self._value(value, path, stack))
            active.clear()
        return result


def _comment(changed: Any, comment: Comment) -> Comment:
    """Upstream forgets, on decrypting, that a comment stood behind a value: it comes to stand above it."""
    return changed if isinstance(changed, Comment) else Comment(changed, comment.inline)


def decrypt_document(
    document: Document, key: bytes, rules: Rules, *, comments_lost: bool = False
) -> tuple[Document, str]:
    """The plain document, and the MAC over it: 128 upper-case hexadecimal digits.

    ``comments_lost`` says that the file went through something that drops comments: where comments would decide what
    is encrypted, the form of the value does. Raises :class:`SopsError`, which names the key of the value at fault.
    """
    digest = hashlib.sha512(_MAC_ONLY_ENCRYPTED_START if rules.mac_only_encrypted else b"")
    by_form = comments_lost and rules.by_comment

    def leaf(value: Any, path: tuple[str, ...], comments: Sequence[Sequence[str]]) -> Any:
        is_comment = isinstance(value, Comment)
        if by_form:
            encrypted = isinstance(value, str) and _LOOKS_ENCRYPTED.fullmatch(value) is not None
        else:
            encrypted = rules.encrypts(path, comments, is_comment)
        result = value
        if encrypted:
            result = _decrypt_leaf(value, key, path)
        if not is_comment and (encrypted or not rules.mac_only_encrypted):
            digest.update(to_bytes(result))
        return result

    walk = _Walk(leaf)
    try:
        plain = [walk.branch(branch, (), []) for branch in document]
    except SopsError as error:
        raise SopsError(f"Error walking tree: {error}") from None
    return plain, digest.hexdigest().upper()


def _decrypt_leaf(value: Any, key: bytes, path: tuple[str, ...]) -> Any:
    if isinstance(value, Comment):
        try:
            return cipher.decrypt(value.value, key, additional_data(path))
        except SopsError:
            return value  # files of early versions have comments in the clear
    if not isinstance(value, str):
        raise SopsError(f"Expected encrypted value as string, but got {_type_name(value)} (at {_place(path)})")
    try:
        return cipher.decrypt(value, key, additional_data(path))
    except SopsError as error:
        raise SopsError(f"Could not decrypt value: {error} (at {_place(path)})") from None


def encrypt_document(document: Document, key: bytes, rules: Rules) -> tuple[Document, str]:
    """The encrypted document, and the MAC over the plain one."""
    digest = hashlib.sha512(_MAC_ONLY_ENCRYPTED_START if rules.mac_only_encrypted else b"")

    def leaf(value: Any, path: tuple[str, ...], comments: Sequence[Sequence[str]]) -> Any:
        is_comment = isinstance(value, Comment)
        encrypted = rules.encrypts(path, comments, is_comment)
        if not is_comment and (encrypted or not rules.mac_only_encrypted):
            digest.update(to_bytes(value))
        if not encrypted:
            return value
        text = cipher.encrypt(value, key, additional_data(path))
        # upstream writes the comments of a list as items of it, a file that it then refuses itself for its MAC
        return Comment(text, value.inline) if isinstance(value, Comment) else text

    walk = _Walk(leaf)
    return [walk.branch(branch, (), []) for branch in document], digest.hexdigest().upper()


def additional_data(path: tuple[str, ...]) -> bytes:
    """What binds a value to its place: the keys that lead to it; positions in lists do not count."""
    return (":".join(path) + ":").encode("utf-8", "surrogateescape")


def _place(path: tuple[str, ...]) -> str:
    return ".".join(path) if path else "the top"


def _type_name(value: Any) -> str:
    return {bool: "bool", int: "int", float: "float64", Timestamp: "time.Time", type(None): "<nil>"}.get(
        type(value), type(value).__name__
    )
