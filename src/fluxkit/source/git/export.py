"""A commit's files, written below a directory, straight from the object database.

Not a checkout: no filters, no line-ending conversion, no attributes, no hooks, and no symlinks, because artifacts hold
none; hence nothing in a tree can lead a write outside the target. Names that git itself would never check out (``..``,
``.git`` in any spelling) fail the export. Content is streamed, so a large file costs no memory.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from fluxkit.source.digest import CHUNK
from fluxkit.source.errors import GitError, UnsafeTree
from fluxkit.source.git.process import GitFailed, read_git

__all__ = ["Commit", "Damaged", "Signature", "TreeEntry", "export", "list_tree", "parse_commit", "read_commits"]

_MAX_ENTRIES = 500_000
"""Files and directories of one commit; a few objects that name each other can claim billions."""
_MAX_COMMIT: Final = 16 << 20
# What HFS+ ignores and NTFS strips or abbreviates (git's verify_path, CVE-2014-9390 and after).
_IGNORABLE: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_DOT_GIT: Final = re.compile(r"(\.git|git~1)[ .]*(:.*)?", re.IGNORECASE)


class Damaged(GitError):
    """The local mirror lacks or garbles an object that it should have."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who did something, and when (with the time zone it was recorded in)."""

    name: str
    email: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    message: str
    author: Signature
    committer: Signature
    revision: str = ""
    """What an artifact made of this commit is labelled with, such as ``main@sha1:<hex>``."""
    encoded: bytes = field(default=b"", repr=False)
    """The raw commit object, for verifying its signature."""

    @property
    def subject(self) -> str:
        """The first line of the message, cut to 50 characters and ``...`` as upstream does."""
        line = self.message.split("\n", 1)[0]
        return f"{line[:50]}..." if len(line) > 50 else line

    @property
    def when(self) -> datetime:
        return self.committer.when


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One entry of a tree, by its path from the root."""

    mode: str
    kind: str
    sha: str
    path: str

    @property
    def is_submodule(self) -> bool:
        return self.kind == "commit"

    @property
    def is_file(self) -> bool:
        return self.mode.startswith("100")


async def list_tree(mirror: Path, commit: str, environment: Mapping[str, str], timeout: float) -> list[TreeEntry]:
    """All entries of a commit's tree, directories before their content. Raises Damaged, UnsafeTree, GitTimeout."""
    arguments = ["--git-dir", str(mirror), "ls-tree", "-r", "-t", "-z", "--full-tree", commit]
    try:
        return await read_git(arguments, environment, _tree_entries, timeout=timeout)
    except GitFailed:
        raise Damaged(f"the local mirror cannot read the tree of commit {commit}") from None


def _tree_entries(output: BinaryIO) -> list[TreeEntry]:
    entries: list[TreeEntry] = []
    rest = b""
    while chunk := output.read(CHUNK):
        *records, rest = (rest + chunk).split(b"\0")
        for record in records:
            facts, _, name = record.partition(b"\t")
            mode, kind, sha = facts.decode("ascii").split(" ")
            entry = TreeEntry(sys.intern(mode), sys.intern(kind), sha, os.fsdecode(name))
            _check_path(entry.path)
            entries.append(entry)
        if len(entries) > _MAX_ENTRIES:
            raise UnsafeTree(f"the commit has more than {_MAX_ENTRIES} files and directories")
    return entries


def _check_path(path: str) -> None:
    # Git lists a crafted name such as "../x" as two components, so that each is looked at alone.
    for part in path.split("/"):
        plain = _IGNORABLE.sub("", part)
        if part in ("", ".", "..") or _DOT_GIT.fullmatch(plain):
            raise UnsafeTree(f"invalid path {path!r}: the commit contains a name that must not be written to disk")


async def export(
    mirror: Path,
    commit: str,
    entries: Sequence[TreeEntry],
    dest: Path,
    environment: Mapping[str, str],
    timeout: float,
) -> Commit:
    """Write the files and directories of ``entries`` below ``dest`` (empty or absent) and read the commit.

    Symlinks are left out; a submodule becomes an empty directory. Raises Damaged, UnsafeTree, GitTimeout, GitError.
    """
    files = [entry for entry in entries if entry.is_file]
    with tempfile.TemporaryFile() as wanted:
        wanted.write("\n".join([commit, *(entry.sha for entry in files), ""]).encode())
        wanted.seek(0)
        arguments = ["--git-dir", str(mirror), "cat-file", "--batch", "--buffer"]
        write = partial(_write, commit, entries, files, dest)
        try:
            return await read_git(arguments, environment, write, stdin=wanted, timeout=timeout)
        except GitFailed:
            raise Damaged(f"the local mirror cannot read commit {commit}") from None
        except OSError as problem:
            raise GitError(f"unable to write {problem.filename or dest}: {problem.strerror}") from problem


def _write(
    commit: str, entries: Sequence[TreeEntry], files: Sequence[TreeEntry], dest: Path, output: BinaryIO
) -> Commit:
    os.makedirs(dest, mode=0o750, exist_ok=True)
    made: set[str] = set()
    for entry in entries:
        if entry.kind == "tree" or entry.is_submodule:
            _make_directories(dest, entry.path, made)
    facts = parse_commit(commit, _small_object(output, commit))
    for entry in files:
        _make_directories(dest, entry.path.rpartition("/")[0], made)
        mode = 0o700 if entry.mode == "100755" else 0o600
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(dest / entry.path, flags, mode)
        except FileExistsError:
            raise UnsafeTree(f"invalid path {entry.path!r}: the commit contains it twice") from None
        try:
            for chunk in _object(output, entry.sha):
                view = memoryview(chunk)
                while view:
                    view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
    return facts


def _make_directories(dest: Path, path: str, made: set[str]) -> None:
    if not path or path in made:
        return
    _make_directories(dest, path.rpartition("/")[0], made)
    try:
        os.mkdir(dest / path, 0o750)
    except FileExistsError:
        raise UnsafeTree(f"invalid path {path!r}: the commit contains it twice") from None
    made.add(path)


def _object(output: BinaryIO, sha: str) -> Iterator[bytes]:
    """The content of the next object of ``cat-file --batch``, in chunks."""
    header = output.readline(256).split()
    if len(header) != 3:
        raise Damaged(f"the local mirror lacks object {sha}")
    size = int(header[2])
    while size:
        chunk = output.read(min(size, CHUNK))
        if not chunk:
            raise Damaged(f"the local mirror holds object {sha} only in part")
        size -= len(chunk)
        yield chunk
    output.read(1)


def _small_object(output: BinaryIO, sha: str) -> bytes:
    data = bytearray()
    for chunk in _object(output, sha):
        data += chunk
        if len(data) > _MAX_COMMIT:
            raise GitError(f"commit {sha} is larger than {_MAX_COMMIT} bytes")
    return bytes(data)


async def read_commits(
    mirror: Path, commits: Sequence[str], environment: Mapping[str, str], timeout: float
) -> list[Commit]:
    """Commit objects by id, in order."""
    with tempfile.TemporaryFile() as wanted:
        wanted.write("\n".join([*commits, ""]).encode())
        wanted.seek(0)
        arguments = ["--git-dir", str(mirror), "cat-file", "--batch", "--buffer"]

        def read(output: BinaryIO) -> list[Commit]:
            return [parse_commit(sha, _small_object(output, sha)) for sha in commits]

        try:
            return await read_git(arguments, environment, read, stdin=wanted, timeout=timeout)
        except GitFailed:
            raise Damaged("the local mirror cannot read its commits") from None


def parse_commit(sha: str, encoded: bytes) -> Commit:
    """A raw commit object. Malformed people and times read as empty and the epoch."""
    head, _, message = encoded.partition(b"\n\n")
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        key, separator, value = line.partition(b" ")
        if separator and key:
            fields.setdefault(key, value)
    encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
    try:
        text = message.decode(encoding, "replace")
    except LookupError:
        text = message.decode("utf-8", "replace")
    return Commit(
        sha=sha,
        message=text,
        author=_signature(fields.get(b"author", b"")),
        committer=_signature(fields.get(b"committer", b"")),
        encoded=encoded,
    )


_PERSON: Final = re.compile(rb"(.*?) ?<([^>]*)> (-?\d{1,12})(?: ([+-])(\d\d)(\d\d))?")


def _signature(line: bytes) -> Signature:
    found = _PERSON.fullmatch(line)
    if found is None:
        return Signature(line.decode("utf-8", "replace"), "", datetime.fromtimestamp(0, UTC))
    offset = timedelta(hours=int(found[5] or 0) % 24, minutes=int(found[6] or 0) % 60)
    zone = timezone(-offset if found[4] == b"-" else offset)
    try:
        when = datetime.fromtimestamp(int(found[3]), zone)
    except (OverflowError, ValueError, OSError):
        when = datetime.fromtimestamp(0, UTC)
    return Signature(found[1].decode("utf-8", "replace"), found[2].decode("utf-8", "replace"), when)
