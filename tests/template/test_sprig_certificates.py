"""Certificates as other programs see them."""

import ipaddress

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fluxkit.template import FunctionError
from fluxkit.template.sprig import functions

CALL = functions()


def _load(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


@pytest.mark.contract("TPL-285", "TPL-287")
def test_a_signed_certificate_verifies_against_its_authority() -> None:
    key = CALL["genPrivateKey"]("ecdsa")
    ca = CALL["genCAWithKey"]("the-ca", 30, key)
    signed = CALL["genSignedCertWithKey"](
        "svc", ["10.0.0.1", "::1"], ["svc.ns.svc"], 7, ca, CALL["genPrivateKey"]("ed25519")
    )
    authority, certificate = _load(ca.cert), _load(signed.cert)

    certificate.verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "svc"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["svc.ns.svc"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("::1")]
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime.days == 7
    issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    subject = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert issuer.key_identifier == subject.digest
    public = serialization.load_pem_private_key(signed.key.encode(), None).public_key()
    assert public == certificate.public_key()


@pytest.mark.contract("TPL-286")
def test_a_self_signed_certificate_is_its_own_issuer() -> None:
    made = CALL["genSelfSignedCertWithKey"]("cn", None, None, 1, CALL["genPrivateKey"]("ecdsa"))
    certificate = _load(made.cert)
    certificate.verify_directly_issued_by(certificate)
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


@pytest.mark.contract("TPL-284")
@pytest.mark.parametrize(
    ("kind", "header"), [("ecdsa", "EC PRIVATE KEY"), ("ed25519", "PRIVATE KEY"), ("dsa", "DSA PRIVATE KEY")]
)
def test_a_private_key_can_be_loaded(kind: str, header: str) -> None:
    pem = CALL["genPrivateKey"](kind)
    assert pem.startswith(f"-----BEGIN {header}-----\n")
    assert serialization.load_pem_private_key(pem.encode(), None)


@pytest.mark.contract("TPL-288")
def test_a_custom_certificate_keeps_its_texts() -> None:
    made = CALL["genSelfSignedCertWithKey"]("cn", None, None, 1, CALL["genPrivateKey"]("ecdsa"))
    encoded = [CALL["b64enc"](text) for text in (made.cert, made.key)]
    assert CALL["buildCustomCert"](*encoded) == made
    with pytest.raises(FunctionError, match="error parsing private key: no PEM data in input"):
        CALL["buildCustomCert"](encoded[0], CALL["b64enc"]("nothing"))


@pytest.mark.contract("TPL-287")
@pytest.mark.parametrize(
    ("ips", "host_names", "message"),
    [
        (["bad"], None, "error parsing ip: bad"),
        ([1], None, "error parsing ip: 1 is not a string"),
        (None, [1.5], "error processing alternate dns name: 1.5 is not a string"),
    ],
)
def test_wrong_names_are_refused(ips: list[object] | None, host_names: list[object] | None, message: str) -> None:
    with pytest.raises(FunctionError, match=message):
        CALL["genSelfSignedCertWithKey"]("cn", ips, host_names, 1, CALL["genPrivateKey"]("ed25519"))


@pytest.mark.contract("TPL-287")
def test_dsa_keys_sign_nothing() -> None:
    with pytest.raises(FunctionError, match="error creating certificate: x509"):
        CALL["genCAWithKey"]("ca", 1, CALL["genPrivateKey"]("dsa"))


@pytest.mark.contract("TPL-281")
def test_a_password_hash_is_accepted_by_others() -> None:
    user, _, hashed = CALL["htpasswd"]("admin", "secret").partition(":")
    assert user == "admin"
    assert hashed.startswith("$2a$10$")
    assert bcrypt.checkpw(b"secret", hashed.encode())


@pytest.mark.contract("TPL-282")
def test_aes_text_comes_back() -> None:
    for text in ("x", "exactly 16 bytes", "é" * 40, ""):
        assert CALL["decryptAES"]("key", CALL["encryptAES"]("key", text)) == text
    with pytest.raises(FunctionError):
        CALL["decryptAES"]("key", CALL["b64enc"]("short"))
