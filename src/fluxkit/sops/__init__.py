"""SOPS: decrypting and encrypting files whose keys are readable and whose values are not.

Promises: a file that getsops/sops v3.13 encrypted comes out as ``sops -d`` writes it, byte for byte, comments and order
included, for YAML, JSON, dotenv, INI and binary files, with every rule of partial encryption and with key groups. Every
value is authenticated together with its path; the MAC over the whole file is verified where the caller can know the
whole file. No text of an error holds a decrypted value or a key.

Refuses: the network and processes, outside of :mod:`.keyservices`, which asks PGP, HashiCorp Vault and the clouds'
key services, each within a time limit; files beyond 200 levels; key services that need a person.

The house: :mod:`.file` is where to start, :mod:`.tree` walks a document, :mod:`.cipher` is one value, :mod:`.rules`
says what is encrypted, :mod:`.metadata` and :mod:`.flatten` read the ``sops`` part, :mod:`.keys` and :mod:`.shamir`
recover the data key, :mod:`.stores` are the formats, :mod:`.age` is the age file format.
"""

from fluxkit.sops.errors import DataKeyError, MacMismatch, MasterKeyError, MetadataNotFound, SopsError
from fluxkit.sops.file import Encrypter, decrypt_file, decrypt_object, encrypt_file
from fluxkit.sops.formats import Format
from fluxkit.sops.keys import Decrypter, Deferred
from fluxkit.sops.metadata import MasterKey
from fluxkit.sops.rules import Rules

__all__ = [
    "DataKeyError",
    "Decrypter",
    "Deferred",
    "Encrypter",
    "Format",
    "MacMismatch",
    "MasterKey",
    "MasterKeyError",
    "MetadataNotFound",
    "Rules",
    "SopsError",
    "decrypt_file",
    "decrypt_object",
    "encrypt_file",
]
