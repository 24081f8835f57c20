"""The database file: every object's current state with a checksum, the revision counter, and nothing else.

SQLite in WAL mode with ``synchronous=FULL``: a committed batch survives the process being killed, and power loss as far
as the file system keeps its promise. One connection, one writer; :class:`fluxkit.sandbox.store.Store` calls
:meth:`Storage.commit` from a single worker thread so that the event loop never waits for a disk.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

__all__ = ["Batch", "Storage", "StorageError", "StoredRow"]

_FORMAT = 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL,
    checksum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (resource, namespace, name)
);
CREATE TABLE IF NOT EXISTS resources (resource TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
"""

StoredRow = tuple[str, str, str, int, bytes]
"""(resource, namespace, name, revision, JSON body)"""


_REMEDY = "put a good copy of the file in its place, or reset the sandbox"


class StorageError(RuntimeError):
    """The database file cannot be opened, read or written."""


@dataclass(slots=True)
class Batch:
    """Writes that are committed together. Keys are (resource, namespace, name); the last write of a key wins."""

    rows: dict[tuple[str, str, str], tuple[int, bytes] | None] = field(default_factory=dict)
    resources: dict[str, int] = field(default_factory=dict)
    revision: int = 0


class Storage:
    """One database file, opened exclusively by one server process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
            found = self._meta("format")
            if found is None:
                self._connection.execute("INSERT INTO meta VALUES ('format', ?)", (_FORMAT,))
            elif found == 1:
                self._add_checksums()
            elif found != _FORMAT:
                raise StorageError(f"{path}: written by another version of the sandbox (format {found}); reset it")
        except sqlite3.Error as error:
            raise StorageError(f"{path}: {error}; {_REMEDY}") from error

    def _add_checksums(self) -> None:
        """From format 1, which had none."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ALTER TABLE objects ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0")
        sums = [(crc32(body), row) for row, body in connection.execute("SELECT rowid, body FROM objects")]
        connection.executemany("UPDATE objects SET checksum = ? WHERE rowid = ?", sums)
        connection.execute("UPDATE meta SET value = ? WHERE name = 'format'", (_FORMAT,))
        connection.execute("COMMIT")

    def _meta(self, name: str) -> int | None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    @property
    def revision(self) -> int:
        """The revision of the last committed write; 0 for an empty database."""
        return self._meta("revision") or 0

    def resource_revisions(self) -> dict[str, int]:
        """For each resource, the revision of the last change to any of its objects, deletions included."""
        return dict(self._connection.execute("SELECT resource, revision FROM resources"))

    def rows(self) -> Iterator[StoredRow]:
        """Every object in order; raises :class:`StorageError` at the first that is not what was written."""
        columns = "resource, namespace, name, revision, body, checksum"
        try:
            for resource, namespace, name, revision, body, checksum in self._connection.execute(
                f"SELECT {columns} FROM objects ORDER BY resource, namespace, name"
            ):
                if not isinstance(body, bytes) or crc32(body) != checksum:
                    shown = "/".join(filter(None, (resource, namespace, name)))
                    raise StorageError(f"{self.path}: {shown} is damaged; {_REMEDY}")
                yield resource, namespace, name, revision, body
        except sqlite3.Error as error:
            raise StorageError(f"{self.path}: {error}; {_REMEDY}") from error

    def commit(self, batch: Batch) -> None:
        """Writes one batch in one transaction; raises :class:`StorageError` with nothing written."""
        puts: list[tuple[str, str, str, int, bytes, int]] = []
        removals: list[tuple[str, str, str]] = []
        for key, value in batch.rows.items():
            if value is None:
                removals.append(key)
            else:
                puts.append((*key, *value, crc32(value[1])))
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            if puts:
                connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)", puts)
            if removals:
                connection.executemany(
                    "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?", removals
                )
            self._write_revisions(batch.resources.items(), batch.revision)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # a full disk may have ended it already
                    connection.execute("ROLLBACK")
            raise StorageError(f"{self.path}: {error}") from error

    def _write_revisions(self, resources: Iterable[tuple[str, int]], revision: int) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO resources VALUES (?, ?)", resources)
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('revision', ?)", (revision,))

    def close(self) -> None:
        self._connection.close()
