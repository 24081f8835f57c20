"""What can go wrong with an encrypted file. No text ever holds a decrypted value or a key."""

__all__ = ["DataKeyError", "MacMismatch", "MasterKeyError", "MetadataNotFound", "SopsError"]


class SopsError(Exception):
    """A file cannot be read, decrypted or written; the text names the format and the place, never a value."""


class MetadataNotFound(SopsError):
    """The file carries no SOPS metadata: it is not encrypted."""

    def __init__(self) -> None:
        super().__init__("sops metadata not found")


class MacMismatch(SopsError):
    """The content was changed after it was encrypted, by somebody without the data key."""


class MasterKeyError(SopsError):
    """One master key could not decrypt the data key; the text says why."""


class DataKeyError(SopsError):
    """The data key cannot be recovered; the text lists what was tried for every key group."""
