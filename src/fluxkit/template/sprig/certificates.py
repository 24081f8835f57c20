"""Certificates: authorities, self-signed and signed ones. Upstream: Masterminds/sprig ``crypto.go``, Go's ``x509``."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.fmt import text_of
from fluxkit.template.functions import Function
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.encoding import decode_base64
from fluxkit.template.sprig.gotime import Time
from fluxkit.template.sprig.keys import generate, pem_block, pem_of, read_pem, rsa_key
from fluxkit.template.sprig.randomness import RandomBytes
from fluxkit.template.values import GoObject, from_bytes

if TYPE_CHECKING:
    from cryptography import x509

    from fluxkit.template.sprig.keys import PrivateKey

__all__ = ["Certificate", "functions"]

_RSA_BITS: Final = 2048
_NAMES: Final = "[]interface {}"
_CERTIFICATE: Final = "sprig.certificate"
_ASCII = re.compile("[\x00-\x7f]*")


class Certificate(GoObject):
    """A certificate with its key, both PEM: what templates see as ``.Cert`` and ``.Key``."""

    __slots__ = ("cert", "key")
    go_type: ClassVar[str] = _CERTIFICATE

    def __init__(self, cert: str, key: str) -> None:
        self.cert = cert
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and (self.cert, self.key) == (other.cert, other.key)

    def __hash__(self) -> int:
        return hash(self.cert)

    def go_fields(self) -> Mapping[str, Any]:
        return {"Cert": self.cert, "Key": self.key}


def _addresses(values: Sequence[Any] | None) -> list["x509.GeneralName"]:
    import ipaddress

    from cryptography import x509

    found: list[x509.GeneralName] = []
    for value in values or ():
        if not isinstance(value, str):
            raise FunctionError(f"error parsing ip: {text_of(value)} is not a string")
        try:
            if "%" in value:
                raise ValueError(value)
            address = ipaddress.ip_address(value)
        except ValueError:
            raise FunctionError(f"error parsing ip: {value}") from None
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        found.append(x509.IPAddress(mapped or address))
    return found


def _host_names(values: Sequence[Any] | None) -> list["x509.GeneralName"]:
    from cryptography import x509

    found: list[x509.GeneralName] = []
    for value in values or ():
        if not isinstance(value, str):
            raise FunctionError(f"error processing alternate dns name: {text_of(value)} is not a string")
        if not _ASCII.fullmatch(value):
            raise FunctionError(f"error creating certificate: x509: {value!r} cannot be encoded as an IA5String")
        found.append(x509.DNSName(value))
    return found


def _read_certificate(pem: str, where: str) -> "x509.Certificate":
    from cryptography import x509

    block = pem_block(pem)
    if block is None:
        raise FunctionError("unable to decode certificate")
    try:
        text = block[1].replace(block[0], "CERTIFICATE")
        return x509.load_pem_x509_certificate(text.encode("utf-8", "surrogateescape"))
    except ValueError:
        raise FunctionError(f"error parsing certificate: {where}: x509: malformed certificate") from None


def _read_key(pem: str, context: str) -> "PrivateKey":
    try:
        return read_pem(pem)
    except FunctionError as problem:
        raise FunctionError(f"{context}: {problem}") from None


class _Issuer:
    """Makes certificates valid from ``now``."""

    def __init__(self, now: Callable[[], Time], random: RandomBytes) -> None:
        self._now = now
        self._random = random

    def issue(
        self,
        name: str,
        ips: Sequence[Any] | None,
        host_names: Sequence[Any] | None,
        days: int,
        key: "PrivateKey",
        *,
        authority: bool = False,
        parent: "tuple[x509.Certificate, PrivateKey] | None" = None,
    ) -> Certificate:
        """A certificate for ``key``, signed by ``parent`` or by itself. Raises FunctionError."""
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import dsa
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

        alternatives = [*_host_names(host_names), *_addresses(ips)]
        signer = parent[1] if parent else key
        if isinstance(signer, dsa.DSAPrivateKey):
            raise FunctionError(
                "error creating certificate: x509: certificate private key does not implement crypto.Signer"
            )
        if isinstance(key, dsa.DSAPrivateKey):
            raise FunctionError("error creating certificate: x509: unsupported public key type: *dsa.PublicKey")
        if parent and parent[0].public_key() != signer.public_key():
            raise FunctionError(
                "error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey"
            )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
        moment = self._now()
        try:
            start = datetime.fromtimestamp(moment.seconds, UTC)
            end = start + timedelta(days=days)
        except (OverflowError, ValueError):
            raise FunctionError("error creating certificate: x509: validity is out of range") from None
        if end < start:
            # Upstream issues such certificates; the library at hand refuses to.
            raise FunctionError(f"error creating certificate: {days} days of validity end before they begin")
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=True,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=authority,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            x509.CertificateBuilder()
            .serial_number(int.from_bytes(self._random(16), "big") or 1)
            .subject_name(subject)
            .issuer_name(parent[0].subject if parent else subject)
            .not_valid_before(start)
            .not_valid_after(end)
            .public_key(key.public_key())
            .add_extension(usage, critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if authority:
            builder = builder.add_extension(x509.SubjectKeyIdentifier(_key_identifier(key)), critical=False)
        if parent and parent[0].subject != subject:
            identifier = _subject_key_identifier(parent[0])
            if identifier:
                builder = builder.add_extension(x509.AuthorityKeyIdentifier(identifier, None, None), critical=False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=not name)
        signed = builder.sign(signer, _hash_for(signer))
        pem = signed.public_bytes(serialization.Encoding.PEM).decode("ascii")
        return Certificate(pem, pem_of(key))


def _key_identifier(key: "PrivateKey") -> bytes:
    """As Go: the first 160 bits of the SHA-256 of the public key's bits (RFC 7093)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    # The library knows the SHA-1 form only, but the bits that it hashes are at the end of the encoding.
    encoded = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    sha1 = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
    bits = next(encoded[at:] for at in range(len(encoded)) if hashlib.sha1(encoded[at:]).digest() == sha1)
    return hashlib.sha256(bits).digest()[:20]


def _subject_key_identifier(certificate: "x509.Certificate") -> bytes:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""


def _hash_for(key: "PrivateKey") -> Any:
    """The hash that Go signs with."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {384: hashes.SHA384(), 521: hashes.SHA512()}.get(key.curve.key_size, hashes.SHA256())
    return hashes.SHA256()


def _build_custom_cert(certificate: str, key: str) -> Certificate:
    try:
        cert_pem = from_bytes(decode_base64(certificate))
    except FunctionError:
        raise FunctionError("unable to decode base64 certificate") from None
    try:
        key_pem = from_bytes(decode_base64(key))
    except FunctionError:
        raise FunctionError("unable to decode base64 private key") from None
    _read_certificate(cert_pem, "decodedCert.Bytes")
    _read_key(key_pem, "error parsing private key")
    return Certificate(cert_pem, key_pem)


def functions(now: Callable[[], Time], random: RandomBytes) -> dict[str, Function]:
    """The key and certificate functions: name in templates -> Go signature and implementation."""
    issuer = _Issuer(now, random)

    def new_key() -> "PrivateKey":
        return rsa_key(_RSA_BITS, random)

    def given_key(pem: str) -> "PrivateKey":
        return _read_key(pem, "parsing private key")

    def gen_private_key(kind: str) -> str:
        return generate(kind, random)

    def gen_ca(name: str, days: int) -> Certificate:
        return issuer.issue(name, None, None, days, new_key(), authority=True)

    def gen_ca_with_key(name: str, days: int, pem: str) -> Certificate:
        return issuer.issue(name, None, None, days, given_key(pem), authority=True)

    def gen_self_signed(name: str, ips: list[Any], host_names: list[Any], days: int) -> Certificate:
        return issuer.issue(name, ips, host_names, days, new_key())

    def gen_self_signed_with_key(name: str, ips: list[Any], host_names: list[Any], days: int, pem: str) -> Certificate:
        return issuer.issue(name, ips, host_names, days, given_key(pem))

    def parent(ca: Certificate) -> "tuple[x509.Certificate, PrivateKey]":
        return _read_certificate(ca.cert, "decodedSignerCert.Bytes"), _read_key(ca.key, "error parsing private key")

    def gen_signed(name: str, ips: list[Any], host_names: list[Any], days: int, ca: Certificate) -> Certificate:
        return issuer.issue(name, ips, host_names, days, new_key(), parent=parent(ca))

    def gen_signed_with_key(
        name: str, ips: list[Any], host_names: list[Any], days: int, ca: Certificate, pem: str
    ) -> Certificate:
        return issuer.issue(name, ips, host_names, days, given_key(pem), parent=parent(ca))

    asked = f"string, {_NAMES}, {_NAMES}, int"
    return declare(
        {
            "buildCustomCert": (f"func(string, string) ({_CERTIFICATE}, error)", _build_custom_cert),
            "genCA": (f"func(string, int) ({_CERTIFICATE}, error)", gen_ca),
            "genCAWithKey": (f"func(string, int, string) ({_CERTIFICATE}, error)", gen_ca_with_key),
            "genPrivateKey": ("func(string) string", gen_private_key),
            "genSelfSignedCert": (f"func({asked}) ({_CERTIFICATE}, error)", gen_self_signed),
            "genSelfSignedCertWithKey": (f"func({asked}, string) ({_CERTIFICATE}, error)", gen_self_signed_with_key),
            "genSignedCert": (f"func({asked}, {_CERTIFICATE}) ({_CERTIFICATE}, error)", gen_signed),
            "genSignedCertWithKey": (
                f"func({asked}, {_CERTIFICATE}, string) ({_CERTIFICATE}, error)",
                gen_signed_with_key,
            ),
        }
    )
