"""From a GitRepository's spec to a remote that can be asked: URL, credentials, proxy."""

from base64 import b64decode
from urllib.parse import quote, urlsplit, urlunsplit

from fluxkit.api import GitRepository
from fluxkit.durations import parse_duration
from fluxkit.kube import Client
from fluxkit.kube.errors import KubeError
from fluxkit.objects import GroupVersionKind
from fluxkit.source import GitError
from fluxkit.source.git import GitAuth, GitClient, GitRemote

__all__ = ["AccessError", "GitAccess"]

_SECRET = GroupVersionKind("", "v1", "Secret")
_PROXY_SCHEMES = ("http", "https", "socks5")
_MAX_PROXY_ADDRESS = 2048


class AccessError(Exception):
    """The remote cannot be addressed or the credentials cannot be used; ``stalled`` waits for a change of the spec."""

    def __init__(self, reason: str, message: str, *, stalled: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.stalled = stalled


class GitAccess:
    """Makes remotes. Secrets are read anew for each, so that rotated credentials take effect."""

    def __init__(self, client: Client, git: GitClient) -> None:
        self._client = client
        self._git = git

    async def remote(self, repository: GitRepository) -> GitRemote:
        """Raises :class:`AccessError`."""
        spec = repository.spec
        if spec.provider not in ("", "generic"):
            raise AccessError(
                "InvalidProviderConfiguration",
                f"provider '{spec.provider}' is not supported by this version of fluxkit, use a secretRef",
                stalled=True,
            )
        if spec.verify is not None:
            raise AccessError(
                "VerificationError", "spec.verify is not supported by this version of fluxkit", stalled=True
            )
        namespace = repository.metadata.namespace
        proxy = ""
        if spec.proxy_secret_ref is not None:
            data = await self._secret(namespace, spec.proxy_secret_ref.name)
            proxy = _proxy_url(f"{namespace}/{spec.proxy_secret_ref.name}", data)
        secret_name = spec.secret_ref.name if spec.secret_ref is not None else ""
        data = await self._secret(namespace, secret_name) if secret_name else {}
        try:
            auth = GitAuth.from_secret(spec.url, data, f"{namespace}/{secret_name}")
            return self._git.remote(spec.url, auth, proxy=proxy, timeout=parse_duration(spec.timeout))
        except GitError as error:
            if error.reason == "URLInvalid":
                raise AccessError(error.reason, str(error), stalled=True) from error
            message = f"failed to configure authentication options: {error}"
            raise AccessError("AuthenticationFailed", message) from error

    async def _secret(self, namespace: str, name: str) -> dict[str, bytes]:
        try:
            secret = await self._client.get(_SECRET, name, namespace)
        except KubeError as error:
            message = f"failed to get secret '{namespace}/{name}': {error}"
            raise AccessError("AuthenticationFailed", message) from error
        return {key: b64decode(value) for key, value in (secret.get("data") or {}).items()}


def _proxy_url(secret: str, data: dict[str, bytes]) -> str:
    def fail(problem: str) -> AccessError:
        return AccessError("AuthenticationFailed", f"failed to configure proxy options: secret '{secret}': {problem}")

    if "address" not in data:
        raise fail("key 'address' not found")
    address = data["address"].decode(errors="replace").strip()
    if not address:
        raise fail("proxy address is empty")
    if len(address) > _MAX_PROXY_ADDRESS:
        raise fail(f"proxy address is longer than {_MAX_PROXY_ADDRESS} characters")
    parts = urlsplit(address)
    if parts.scheme not in _PROXY_SCHEMES:
        raise fail(f"proxy address scheme must be one of {', '.join(_PROXY_SCHEMES)}")
    username = data.get("username", b"").decode(errors="replace")
    if not username:
        return address
    password = data.get("password", b"").decode(errors="replace")
    user = f"{quote(username, safe='')}:{quote(password, safe='')}@"
    return urlunsplit(parts._replace(netloc=user + parts.netloc.rpartition("@")[2]))
