"""TLS contexts for the connection to an API server.

Verification follows Go's rules, because clusters are set up against them: only the given authorities are trusted (the
system's if none are given), an intermediate may be the anchor, and names are matched against subjectAltName alone.
Private keys reach OpenSSL, which reads files only, through an anonymous memory file or a file of mode 0600 that is
removed at once; nothing is left on disk.
"""

import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from fluxkit.kube.credentials import CertificatePair
from fluxkit.kube.errors import ConfigError

__all__ = ["TLSConfig", "build_context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSConfig:
    """How the server's certificate is verified.

    ``ca`` is PEM and wins over ``ca_file``; both empty means the system's authorities. ``server_name`` is the name
    asked for and verified instead of the host of the URL. ``insecure`` verifies nothing.
    """

    ca: bytes = field(default=b"", repr=False)
    ca_file: str = ""
    server_name: str = ""
    insecure: bool = False


def build_context(config: TLSConfig, pair: CertificatePair | None = None) -> ssl.SSLContext:
    """A client context; raises :class:`ConfigError` for authorities, certificates or keys that cannot be read."""
    # Not ssl.create_default_context: from Python 3.13 it sets VERIFY_X509_STRICT, which refuses the authorities of
    # many clusters, and it reads the system's authorities even when they are not to be trusted.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif config.ca or config.ca_file:
        _trust(context, config)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if pair is not None:
        _load_pair(context, pair)
    return context


def _trust(context: ssl.SSLContext, config: TLSConfig) -> None:
    pem, what = config.ca, "certificate-authority-data"
    if not pem:
        what = f"certificate authority {config.ca_file}"
        try:
            pem = Path(config.ca_file).read_bytes()
        except OSError as error:
            raise ConfigError(f"{what}: {error.strerror}") from None
    try:
        context.load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError, ValueError):
        raise ConfigError(f"{what}: not a PEM certificate bundle") from None


def _load_pair(context: ssl.SSLContext, pair: CertificatePair) -> None:
    pem = pair.certificate.rstrip() + b"\n" + pair.key.rstrip() + b"\n"
    try:
        if hasattr(os, "memfd_create"):
            _load_from_memory(context, pem)
        else:
            _load_from_file(context, pem)
    except ssl.SSLError as error:
        reason = error.reason or "not PEM"
        raise ConfigError(f"client certificate and key: cannot be used ({reason})") from None


def _load_from_memory(context: ssl.SSLContext, pem: bytes) -> None:
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    finally:
        os.close(descriptor)


def _load_from_file(context: ssl.SSLContext, pem: bytes) -> None:
    descriptor, path = tempfile.mkstemp(prefix="fluxkit-")  # mkstemp creates with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path, password=_no_password)
    finally:
        os.unlink(path)


def _no_password() -> NoReturn:
    # Without a callback OpenSSL would ask on the terminal and hang a controller.
    raise ConfigError("client key: is encrypted with a passphrase; store it unencrypted or use an exec plugin")
