"""One mapping of a kubeconfig, with typed getters whose errors name file and field and never a value."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluxkit.kube.errors import ConfigError

__all__ = ["Section", "kind_of"]


@dataclass(frozen=True, slots=True)
class Section:
    """One mapping of a kubeconfig with the place it came from; its getters raise :class:`ConfigError`."""

    where: str
    body: Mapping[str, Any] = field(repr=False)
    base_dir: Path | None = None

    def error(self, key: str, problem: str) -> ConfigError:
        return ConfigError(f"{self.where}.{key}: {problem}")

    def text(self, key: str) -> str:
        value = self.body.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(key, f"expected a string, found {kind_of(value)}")
        return value

    def flag(self, key: str) -> bool:
        value = self.body.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.error(key, f"expected true or false, found {kind_of(value)}")
        return bool(value)

    def texts(self, key: str) -> list[str]:
        value = self.body.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, "expected a list of strings")
        return list(value)

    def text_lists(self, key: str) -> dict[str, list[str]]:
        inner = self.section(key)
        return {} if inner is None else {name: inner.texts(name) for name in inner.body}

    def section(self, key: str) -> "Section | None":
        value = self.body.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.error(key, f"expected a mapping, found {kind_of(value)}")
        return Section(f"{self.where}.{key}", value, self.base_dir)

    def data(self, key: str) -> bytes:
        text = self.text(key)
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise self.error(key, "is not base64") from None

    def path(self, key: str) -> str:
        text = self.text(key)
        if not text:
            return ""
        return str(self.base_dir / text) if self.base_dir is not None else text


def kind_of(value: object) -> str:
    """What a parsed YAML value is, in words for an error."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case Mapping():
            return "a mapping"
        case list():
            return "a list"
    return "a number" if isinstance(value, int | float) else type(value).__name__
