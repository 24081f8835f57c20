"""Small servers that speak the real HTTP APIs of key services, for one key each.

What they encrypt is bound to a fixed secret, so that files made with one instance are decrypted by any other.
"""

import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = [
    "AWS",
    "GCP",
    "KEY_ARN",
    "RESOURCE",
    "ROLE_ARN",
    "Azure",
    "StandIn",
    "Vault",
    "sealed",
    "sealed_for_vault",
    "serving",
]

_SECRET = AESGCM(b"stand-in for a key service: test")
_NONCE = b"stand-in-123"
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
ROLE_ARN = "arn:aws:iam::123456789012:role/decrypter"
RESOURCE = "projects/fluxkit/locations/global/keyRings/tests/cryptoKeys/one"


def sealed(plain: bytes, bound: bytes = b"") -> bytes:
    return _SECRET.encrypt(_NONCE, plain, bound)


def _open(sealed: bytes, bound: bytes = b"") -> bytes | None:
    try:
        return _SECRET.decrypt(_NONCE, sealed, bound)
    except InvalidTag:
        return None


class StandIn:
    """``requests`` are the paths that were asked; ``broken`` makes it answer with something else."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.broken: web.Response | None = None
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if self.broken is not None:
            return web.Response(status=self.broken.status, text=self.broken.text)
        return await self.answer(request)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raise NotImplementedError


@asynccontextmanager
async def serving(standin: StandIn, tls: ssl.SSLContext | None = None) -> AsyncIterator[StandIn]:
    """Serves on a free port of the loopback address."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", standin.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        standin.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield standin
    finally:
        await runner.cleanup()


def sealed_for_vault(plain: bytes) -> str:
    """A data key as :class:`Vault` encrypts it."""
    return f"vault:v1:{base64.b64encode(sealed(plain)).decode()}"


class Vault(StandIn):
    """The transit engine below ``sops/``, and a login for Kubernetes tokens."""

    def __init__(self, token: str = "hvs.test-token") -> None:
        super().__init__()
        self.token = token
        self.logins: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        if request.method not in ("PUT", "POST"):
            return web.json_response({"errors": ["unsupported operation"]}, status=405)
        if request.path == "/v1/auth/kubernetes/login":
            self.logins.append(body)
            return web.json_response({"auth": {"client_token": self.token}})
        if request.headers.get("X-Vault-Token") != self.token:
            told = request.headers.get("X-Vault-Token", "")
            return web.json_response({"errors": [f"permission denied for {told}"]}, status=403)
        if request.path == "/v1/sops/encrypt/key":
            return web.json_response({"data": {"ciphertext": sealed_for_vault(base64.b64decode(body["plaintext"]))}})
        if request.path != "/v1/sops/decrypt/key":
            return web.json_response({"errors": []}, status=404)
        plain = _open(base64.b64decode(body["ciphertext"].removeprefix("vault:v1:")))
        if plain is None:
            return web.json_response({"errors": ["cipher: message authentication failed"]}, status=400)
        return web.json_response({"data": {"plaintext": base64.b64encode(plain).decode()}})


class AWS(StandIn):
    """KMS and STS, which check the signature of every request."""

    CREDENTIALS: ClassVar = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "test-secret-access-key"}
    ASSUMED: ClassVar = {
        "AccessKeyId": "ASIAROLE",
        "SecretAccessKey": "test-role-secret",
        "SessionToken": "test-session",
    }

    def __init__(self) -> None:
        super().__init__()
        self.callers: list[str] = []
        self.regions: list[str] = []
        self.sessions: list[str] = []
        self.tokens: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        if b"Action=AssumeRoleWithWebIdentity" in raw:
            return self._assume(parse_qs(raw.decode()))
        if not self._signed(request, raw):
            return self._error("InvalidSignatureException", "the signature does not match")
        target = request.headers.get("X-Amz-Target", "")
        if not target:
            return self._assume(parse_qs(raw.decode()))
        body = json.loads(raw)
        bound = json.dumps(body.get("EncryptionContext") or {}, sort_keys=True).encode()
        if body.get("KeyId") != KEY_ARN:
            return self._error("NotFoundException", f"Key '{body.get('KeyId')}' does not exist")
        if target == "TrentService.Encrypt":
            blob = sealed(base64.b64decode(body["Plaintext"]), bound)
            return web.json_response({"CiphertextBlob": base64.b64encode(blob).decode(), "KeyId": KEY_ARN})
        plain = _open(base64.b64decode(body["CiphertextBlob"]), bound)
        if plain is None:
            return self._error("InvalidCiphertextException", "")
        return web.json_response({"Plaintext": base64.b64encode(plain).decode(), "KeyId": KEY_ARN})

    def _error(self, code: str, text: str) -> web.StreamResponse:
        return web.json_response({"__type": code, "message": text}, status=400)

    def _assume(self, form: dict[str, list[str]]) -> web.StreamResponse:
        (action,), (session,) = form["Action"], form["RoleSessionName"]
        assert form["RoleArn"] == [ROLE_ARN]
        self.sessions.append(session)
        self.tokens += form.get("WebIdentityToken", [])
        given = "".join(f"<{name}>{value}</{name}>" for name, value in self.ASSUMED.items())
        expires = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return web.Response(
            content_type="text/xml",
            text=f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>'
            f"{given}<Expiration>{expires}</Expiration></Credentials></{action}Result></{action}Response>",
        )

    def _signed(self, request: web.Request, body: bytes) -> bool:
        """Signs the request once more, with what the caller should know (AWS Signature Version 4)."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        header = request.headers.get("Authorization", "")
        fields = dict(part.strip().split("=", 1) for part in header.removeprefix("AWS4-HMAC-SHA256 ").split(","))
        access, _, region, service, _ = fields["Credential"].split("/")
        self.callers.append(access)
        self.regions.append(region)
        known = {
            self.CREDENTIALS["aws_access_key_id"]: (self.CREDENTIALS["aws_secret_access_key"], None),
            self.ASSUMED["AccessKeyId"]: (self.ASSUMED["SecretAccessKey"], self.ASSUMED["SessionToken"]),
        }
        if access not in known:
            return False
        secret, session = known[access]
        if request.headers.get("X-Amz-Security-Token") != session:
            return False
        names = fields["SignedHeaders"].split(";")
        again = AWSRequest(request.method, f"{self.url}{request.path_qs}", {n: request.headers[n] for n in names}, body)
        again.context["timestamp"] = request.headers["X-Amz-Date"]
        signer = SigV4Auth(Credentials(access, secret, session), service, region)
        text = signer.string_to_sign(again, signer.canonical_request(again))
        return bool(signer.signature(text, again) == fields["Signature"])


class GCP(StandIn):
    """KMS over REST, and the token server of a service account."""

    def __init__(self) -> None:
        super().__init__()
        self._key = rsa.generate_private_key(65537, 2048)
        self.token = "ya29.test-token"
        self.exchanged: list[str] = []

    def account(self) -> dict[str, str]:
        """The JSON key of a service account."""
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "client_email": "decrypter@fluxkit.iam.gserviceaccount.com",
            "private_key_id": "one",
            "private_key": private.decode(),
            "token_uri": f"{self.url}/token",
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        if request.path == "/v1/token":
            self.exchanged.append(json.loads(raw)["subjectToken"])
            return web.json_response({"access_token": "federated"})
        if request.path.endswith(":generateAccessToken"):
            assert request.headers["Authorization"] == "Bearer federated"
            return web.json_response({"accessToken": self.token})
        if request.path == "/token":
            head, claims, signature = parse_qs(raw.decode())["assertion"][0].split(".")
            padded = signature + "=" * (-len(signature) % 4)
            signed = f"{head}.{claims}".encode()
            self._key.public_key().verify(base64.urlsafe_b64decode(padded), signed, padding.PKCS1v15(), hashes.SHA256())
            return web.json_response({"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": {"code": 401, "message": "unauthenticated"}}, status=401)
        body = json.loads(raw)
        if request.path == f"/v1/{RESOURCE}:encrypt":
            return web.json_response(
                {"ciphertext": base64.b64encode(sealed(base64.b64decode(body["plaintext"]))).decode()}
            )
        if request.path != f"/v1/{RESOURCE}:decrypt":
            return web.json_response({"error": {"code": 404, "message": "no such key"}}, status=404)
        plain = _open(base64.b64decode(body["ciphertext"]))
        if plain is None:
            return web.json_response({"error": {"code": 400, "message": "decryption failed"}}, status=400)
        return web.json_response({"plaintext": base64.b64encode(plain).decode()})


class Azure(StandIn):
    """A vault and the authority that issues tokens for it, over TLS with a certificate of their own."""

    TENANT = "11111111-1111-1111-1111-111111111111"
    CLIENT = "22222222-2222-2222-2222-222222222222"

    def __init__(self) -> None:
        super().__init__()
        self.key = rsa.generate_private_key(65537, 2048)
        self.token = "eyJ.test.token"
        self.assertions: list[str] = []
        self.resource = "https://0.0.1"  # the domain, as it were, of 127.0.0.1

    def tls(self) -> tuple[ssl.SSLContext, Path]:
        """A server context, and the file of the certificate that clients have to trust."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fluxkit test")])
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")])
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = Path(tempfile.mkdtemp(prefix="fluxkit-test-")) / "certificate.pem"
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        file.write_bytes(
            pem
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        file.write_bytes(pem)
        return context, file

    def wrap(self, data_key: bytes) -> str:
        sealed = self.key.public_key().encrypt(data_key, _OAEP)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        authority = f"https://localhost:{self.url.rpartition(':')[2]}/{self.TENANT}"
        if request.path.endswith("/openid-configuration"):
            return web.json_response(
                {
                    "issuer": f"{authority}/v2.0",
                    "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{authority}/oauth2/v2.0/token",
                }
            )
        if request.path.endswith("/oauth2/v2.0/token"):
            form = {name: values[0] for name, values in parse_qs(raw.decode()).items()}
            self.assertions += [form["client_assertion"]] if "client_assertion" in form else []
            proven = form.get("client_secret") == "test-client-secret" or "client_assertion" in form
            if not proven or (form["client_id"], form["scope"]) != (self.CLIENT, f"{self.resource}/.default"):
                return web.json_response({"error": "invalid_client", "error_description": "wrong secret"}, status=401)
            return web.json_response({"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            challenge = f'Bearer authorization="{authority}", resource="{self.resource}"'
            return web.json_response(
                {"error": {"code": "Unauthorized"}}, status=401, headers={"WWW-Authenticate": challenge}
            )
        if request.path != "/keys/one/v1/decrypt":
            return web.json_response({"error": {"code": "KeyNotFound", "message": "no such key"}}, status=404)
        body = json.loads(raw)
        assert body["alg"] == "RSA-OAEP-256"
        value = body["value"] + "=" * (-len(body["value"]) % 4)
        try:
            plain = self.key.decrypt(base64.urlsafe_b64decode(value), _OAEP)
        except ValueError:
            return web.json_response({"error": {"code": "BadParameter", "message": "decryption failed"}}, status=400)
        return web.json_response({"kid": "one", "value": base64.urlsafe_b64encode(plain).decode().rstrip("=")})


_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
