"""The formats of encrypted files, and how they are told apart (getsops/sops ``cmd/sops/formats``)."""

from enum import Enum

from fluxkit.sops.metadata import Metadata, extract_metadata, metadata_branch
from fluxkit.sops.stores import dotenv, ini, json, yaml
from fluxkit.sops.tree import Branch, Document

__all__ = ["Format"]


class Format(Enum):
    """A format; the value is the name that upstream's messages use."""

    BINARY = "binary"
    DOTENV = "dotenv"
    INI = "INI"
    JSON = "JSON"
    YAML = "YAML"

    @classmethod
    def of_path(cls, path: str) -> "Format":
        """By the ending of a file's name or a Secret's key; what is unknown is binary.

        Names ending in ``.dockerconfigjson`` are JSON, as kustomize-controller has it.
        """
        for ending, found in (
            ((".yaml", ".yml"), cls.YAML),
            ((".json", ".dockerconfigjson"), cls.JSON),
            ((".env",), cls.DOTENV),
            ((".ini",), cls.INI),
        ):
            if path.endswith(ending):
                return found
        return cls.BINARY

    @classmethod
    def of_content(cls, data: bytes) -> "Format | None":
        """By the mark that SOPS leaves in a file, None for what is not encrypted."""
        return next((each for each in cls if each.marks(data)), None)

    def marks(self, data: bytes) -> bool:
        """Whether content carries the mark of this format; binary content lies in JSON."""
        return _MARKS[self] in data

    def load(self, data: bytes) -> tuple[Document, Metadata]:
        """Content and metadata of an encrypted file. Raises :class:`~fluxkit.sops.errors.SopsError`."""
        match self:
            case Format.YAML:
                return extract_metadata(yaml.load(data), "nested")
            case Format.DOTENV:
                return extract_metadata(dotenv.load(data), "flat")
            case Format.INI:
                return extract_metadata(ini.load(data), "section", escaped=True)
        return extract_metadata(json.load(data), "nested")

    def load_plain(self, data: bytes) -> Document:
        """A file that is not encrypted."""
        match self:
            case Format.YAML:
                return yaml.load(data)
            case Format.DOTENV:
                return dotenv.load(data)
            case Format.INI:
                return ini.load(data)
            case Format.JSON:
                return json.load(data)
        return json.load_plain_binary(data)

    def dump(self, document: Document) -> bytes:
        """The text of a plain document, as upstream lays it out."""
        match self:
            case Format.YAML:
                return yaml.dump(document)
            case Format.DOTENV:
                return dotenv.dump(document)
            case Format.INI:
                return ini.dump(document)
            case Format.JSON:
                return json.dump(document)
        return json.dump_binary(document)

    def dump_encrypted(self, document: Document, metadata: Metadata) -> bytes:
        """The text of an encrypted document with its metadata behind each branch."""
        layout = {Format.DOTENV: "flat", Format.INI: "section"}.get(self, "nested")
        extra = metadata_branch(metadata, layout, escaped=self is Format.INI)
        complete = [Branch([*branch, *extra]) for branch in document]
        return json.dump(complete) if self is Format.BINARY else self.dump(complete)


_MARKS = {
    Format.BINARY: b'"mac": "ENC[',
    Format.DOTENV: b"sops_mac=ENC[",
    Format.INI: b"[sops]",
    Format.JSON: b'"mac": "ENC[',
    Format.YAML: b"mac: ENC[",
}
