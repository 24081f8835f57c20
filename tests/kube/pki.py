"""Certificates for TLS tests, made on the spot."""

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Pair:
    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority and what it signed. Its certificate lacks key identifiers, as many clusters' do."""

    def __init__(self, name: str, above: "Authority | None" = None) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        signer = above or self
        made = _builder(self._name, signer._name, self._key)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = made.sign(signer._key, hashes.SHA256())
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, *names: str) -> Pair:
        addresses = [x509.IPAddress(ipaddress.ip_address(name)) for name in names if name[0].isdigit()]
        dns = [x509.DNSName(name) for name in names if not name[0].isdigit()]
        return self._issue("server", ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName([*addresses, *dns]))

    def client(self, user: str) -> Pair:
        return self._issue(user, ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def _issue(self, name: str, usage: x509.ObjectIdentifier, names: x509.SubjectAlternativeName | None) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(_name(name), self._name, key).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names is not None:
            made = made.add_extension(names, critical=False)
        certificate = made.sign(self._key, hashes.SHA256())
        return Pair(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )


def encrypted(key: bytes) -> bytes:
    loaded = serialization.load_pem_private_key(key, None)
    return loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pass")
    )


@cache
def authority() -> Authority:
    return Authority("cluster")


@cache
def stranger() -> Authority:
    return Authority("stranger")


def server_context(directory: Path, pair: Pair, clients: bytes = b"") -> ssl.SSLContext:
    """A server's context; with ``clients``, clients must show a certificate of that authority."""
    chain = directory / "server.pem"
    chain.write_bytes(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.decode())
    return context


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
    )
