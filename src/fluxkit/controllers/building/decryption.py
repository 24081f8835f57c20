"""Decrypting what a Kustomization is built from, in the worker process: files before the build, objects after it.

Nothing is written: decrypted files shadow those of the shared source tree in memory. Keys of key services come in as
answers; what is not answered yet is collected and asked for all at once (:class:`~fluxkit.sops.Deferred`).

Which files and fields are decrypted, in which format, and the texts of errors follow fluxcd/kustomize-controller
``internal/decryptor/decryptor.go``.
"""

import base64
import binascii
import posixpath
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fluxkit import yaml
from fluxkit.controllers.building.plaintext import DecryptedSources, DecryptionFailed, DecryptionKeys
from fluxkit.objects import Object, annotations_of, gvk_of, key_of
from fluxkit.securejoin import UnsafePath, secure_join
from fluxkit.sops import Decrypter, Deferred, Format, MasterKey, MasterKeyError, SopsError, decrypt_file, decrypt_object
from fluxkit.sops.answers import decrypter

__all__ = ["decrypt_objects", "decrypt_sources", "is_exempt"]

_KUSTOMIZATION_FILES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_DECRYPT_KEY: Final = "kustomize.toolkit.fluxcd.io/decrypt"
_MAX_BYTES: Final = 5 << 20


class _NoDirectory(Exception):
    """What a kustomization refers to is a file, a URL, or missing: nothing to walk."""


def decrypt_sources(root: Path, directory: str, shadows: Mapping[str, bytes], keys: DecryptionKeys) -> DecryptedSources:
    """Decrypts what generators of Secrets and patches of a kustomization, and of those it refers to, read.

    ``directory`` and the keys of ``shadows`` (files in place of those on disk) are relative to ``root``. Raises
    :class:`DecryptionFailed` and :class:`~fluxkit.sops.Deferred`.
    """
    walk = _SourceWalk(root, shadows, _decrypter(keys))
    try:
        walk.visit(directory)
    except _NoDirectory:
        raise DecryptionFailed(f"{directory}: not a directory") from None
    except UnsafePath as error:
        raise DecryptionFailed(str(error)) from None
    if walk.deferred:
        raise Deferred(walk.deferred)
    return walk.result


class _SourceWalk:
    def __init__(self, root: Path, shadows: Mapping[str, bytes], decrypt: Decrypter) -> None:
        self._root = root
        self._shadows = shadows
        self._decrypt = decrypt
        self._directories: set[str] = set()
        self._files: set[str] = set()
        self.deferred: list[MasterKey] = []
        self.result = DecryptedSources()

    def visit(self, path: str) -> None:
        absolute, relative = self._resolve(path)
        if relative in self._directories:
            return
        self._directories.add(relative)
        if not absolute.is_dir():
            raise _NoDirectory
        kustomization = self._load(relative)
        for source, source_format in _encrypted_sources(kustomization):
            self._decrypt_source(posixpath.join(path, source), source_format)
        for reference in (*_texts(kustomization, "resources"), *_texts(kustomization, "components")):
            try:
                self.visit(posixpath.normpath(posixpath.join(path, reference)))
            except _NoDirectory:
                continue

    def _resolve(self, path: str) -> tuple[Path, str]:
        """A path inside the root, wherever it tries to lead, and the same relative to the root."""
        inside = path.removeprefix(f"{self._root}/") if path.startswith("/") else path
        absolute = secure_join(self._root, inside)
        relative = absolute.relative_to(self._root).as_posix()
        self._note_links(posixpath.normpath(inside), relative)
        return absolute, "" if relative == "." else relative

    def _note_links(self, spelled: str, resolved: str) -> None:
        """Where the way leads through links, the result depends on them, too."""
        if spelled == resolved or spelled.startswith(("../", "/")):
            return
        parts = spelled.split("/")
        self.result.read.update("/".join(parts[: length + 1]) for length in range(len(parts)))

    def _load(self, directory: str) -> dict[str, Any]:
        found = ""
        for name in _KUSTOMIZATION_FILES:
            absolute, relative = self._resolve(posixpath.join(directory, name))
            if relative not in self._shadows:
                try:
                    mode = absolute.lstat().st_mode
                except OSError:
                    self.result.absent.add(relative)
                    continue
                if not stat.S_ISREG(mode):
                    raise DecryptionFailed(f"expected {name} to be a regular file")
            if found:
                raise DecryptionFailed("found multiple kustomization files")
            found = relative
        if not found:
            raise DecryptionFailed("no kustomization file found")
        shadow = self._shadows.get(found)
        if shadow is None:
            self.result.read.add(found)
            shadow = (self._root / found).read_bytes()
        try:
            document = yaml.load(shadow, source=found)
        except yaml.YAMLError as error:
            raise DecryptionFailed(f"failed to unmarshal kustomization file from '{found}': {error}") from None
        return document if isinstance(document, dict) else {}

    def _decrypt_source(self, path: str, source_format: Format) -> None:
        absolute, relative = self._resolve(path)
        if relative in self._files:
            return
        try:
            status = absolute.lstat()
        except OSError as error:
            raise DecryptionFailed(f"lstat {relative}: {(error.strerror or 'failed').lower()}") from None
        if not stat.S_ISREG(status.st_mode):
            raise DecryptionFailed("cannot decrypt irregular file as it has file mode type bits set")
        if status.st_size > _MAX_BYTES:
            size = status.st_size
            raise DecryptionFailed(f"cannot decrypt file with size ({size} bytes) exceeding limit ({_MAX_BYTES})")
        data = absolute.read_bytes()
        self.result.read.add(relative)
        if not source_format.marks(data):
            return
        self._files.add(relative)
        try:
            self.result.files[relative] = decrypt_file(data, source_format, self._decrypt, verify_mac=False)
        except Deferred as deferred:
            self.deferred += deferred.keys
        except SopsError as error:
            raise DecryptionFailed(f"{relative}: {error}") from None


def _encrypted_sources(kustomization: Mapping[str, Any]) -> Iterator[tuple[str, Format]]:
    """Paths that may be encrypted, relative to the kustomization, and the format they would be in."""
    for generator in _mappings(kustomization, "secretGenerator"):
        for source in _texts(generator, "files"):
            key, equals, path = source.partition("=")
            yield path if equals else key, Format.of_path(key)
        for path in _texts(generator, "envs"):
            of_path = Format.of_path(path)
            yield path, Format.DOTENV if of_path is Format.BINARY else of_path
    for patch in _mappings(kustomization, "patches"):
        file = patch.get("path")
        if isinstance(file, str) and file and not _is_remote(file):
            yield file, Format.of_path(file)


def _is_remote(path: str) -> bool:
    try:
        parts = urlsplit(path)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)


def _mappings(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    values = document.get(name)
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def _texts(document: Mapping[str, Any], name: str) -> list[str]:
    values = document.get(name)
    return [each for each in values if isinstance(each, str)] if isinstance(values, list) else []


# --- after the build ---


def decrypt_objects(objects: list[Object], keys: DecryptionKeys) -> list[Object]:
    """The objects in the clear. Raises :class:`DecryptionFailed` and :class:`~fluxkit.sops.Deferred`."""
    decrypt = _decrypter(keys)
    result: list[Object] = []
    deferred: list[MasterKey] = []
    for obj in objects:
        try:
            result.append(_decrypted(obj, decrypt))
        except Deferred as more:
            deferred += more.keys
        except SopsError as error:
            gvk = gvk_of(obj)
            kind = f"{gvk.kind}.{gvk.version or '[noVer]'}.{gvk.group or '[noGrp]'}"
            raise DecryptionFailed(f"decryption failed for '{kind}/{key_of(obj).name}': {error}") from None
    if deferred:
        raise Deferred(deferred)
    return result


def _decrypter(keys: DecryptionKeys) -> Decrypter:
    try:
        return decrypter(keys.age, keys.answers)
    except MasterKeyError as error:
        raise DecryptionFailed(str(error)) from None


def is_exempt(obj: Object) -> bool:
    """Whether an object asks to be left as it is."""
    return annotations_of(obj).get(_DECRYPT_KEY, "").lower() == "disabled"


def _decrypted(obj: Object, decrypt: Decrypter) -> Object:
    if is_exempt(obj):
        return obj
    metadata = obj.get("sops")
    key = key_of(obj)
    if isinstance(metadata, dict) and metadata.get("mac"):
        with _told(f"'{key.namespace}/{key.name}' {obj.get('kind')} data"):
            return decrypt_object(obj, decrypt)
    if obj.get("kind") != "Secret" or not isinstance(obj.get("data"), dict):
        return obj
    data = dict(obj["data"])
    deferred: list[MasterKey] = []
    for name in sorted(data):
        content = _decoded(data[name])
        found = Format.of_content(content) if content is not None else None
        if content is None or found is None:
            continue
        try:
            with _told(f"'{key.namespace}/{key.name}' Secret field '{name}'"):
                plain = decrypt_file(content, found, decrypt, Format.of_path(name), verify_mac=False)
            data[name] = base64.b64encode(plain).decode()
        except Deferred as more:
            deferred += more.keys
    if deferred:
        raise Deferred(deferred)
    return {**obj, "data": data}


@contextmanager
def _told(place: str) -> Iterator[None]:
    try:
        yield
    except SopsError as error:
        raise SopsError(f"failed to decrypt and format {place}: {error}") from None


def _decoded(value: Any) -> bytes | None:
    """The content of a field; None for what is no base64, which is told when it is applied."""
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
