"""Deploy keys and the host keys of Git servers (fluxcd/pkg ssh): what a Secret for Git over SSH holds."""

import asyncio
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from fluxkit.cli.errors import CommandError

__all__ = ["KeyPair", "generate", "load", "scan_host_keys"]

SCAN_TIMEOUT = 30

_CURVES: dict[str, ec.EllipticCurve] = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
_HOST = re.compile(r"[A-Za-z0-9_.:-]+")

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key in PEM and its public key as a line of an authorized_keys file."""

    private: str = field(repr=False)
    public: str


def generate(algorithm: str, rsa_bits: int, curve: str) -> KeyPair:
    """A new key: ``rsa`` of so many bits, ``ecdsa`` on the curve, or ``ed25519``."""
    key: PrivateKey
    if algorithm == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)
    elif algorithm == "ecdsa":
        key = ec.generate_private_key(_CURVES[curve])
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return KeyPair(private, _public_line(key))


def load(path: Path, password: str) -> KeyPair:
    """The key in a file, kept as it is (encrypted, if it is); the password is needed to derive the public key."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise CommandError(f"failed to open private key file: {error}") from error
    loader = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in text else load_pem_private_key
    try:
        key = loader(text, password.encode() if password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CommandError(f"private key file {path} cannot be read: {error}") from error
    if not isinstance(key, PrivateKey):
        raise CommandError(f"private key file {path}: unsupported kind of key")
    return KeyPair(text.decode(), _public_line(key))


def _public_line(key: PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + "\n"


async def scan_host_keys(host: str, port: int) -> str:
    """The server's public keys as lines of a known_hosts file, asked with OpenSSH's ``ssh-keyscan``."""
    where = f"SSH key scan for host {host}:{port} failed"
    tool = shutil.which("ssh-keyscan")
    if tool is None:
        raise CommandError(
            f"{where}: ssh-keyscan is not installed",
            advice=("Create a Secret with identity and known_hosts yourself and pass --secret-ref.",),
        )
    if not _HOST.fullmatch(host) or host.startswith("-"):
        raise CommandError(f"{where}: not a host name")
    process = await asyncio.create_subprocess_exec(
        tool,
        "-T",
        str(SCAN_TIMEOUT),
        "-p",
        str(port),
        host,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaint = await process.communicate()
    lines = [line for line in output.decode().splitlines() if line and not line.startswith("#")]
    if not lines:
        reasons = [line for line in complaint.decode().splitlines() if line and not line.startswith("#")]
        raise CommandError(f"{where}: {reasons[-1] if reasons else 'no answer'}")
    return "\n".join(sorted(lines))
