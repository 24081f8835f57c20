"""``spec.kubeConfig.configMapRef``: another cluster, described by a ConfigMap instead of a kubeconfig.

The ConfigMap has no credentials: they are a short-lived token of a ServiceAccount, asked for when a request needs one,
so that waits outlive any single token. Provider ``generic`` is a cluster that trusts this one's token issuer. The
providers of clouds need their own client libraries (fluxcd/pkg ``auth/restconfig.go``, ``auth/generic``).
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from fluxkit.controllers.accounts import own_account, request_token
from fluxkit.controllers.tokencache import Token, TokenCache, TokenUser
from fluxkit.kube import Client, ClusterConfig
from fluxkit.kube.credentials import Identity, bearer
from fluxkit.kube.errors import ConfigError, KubeError, NotFound
from fluxkit.kube.tls import TLSConfig
from fluxkit.objects import GroupVersionKind, ObjectKey

__all__ = ["ClusterError", "ClusterTokens", "parse_address"]

_CLOUDS = ("aws", "azure", "gcp")
_ACCOUNT = GroupVersionKind("", "v1", "ServiceAccount")
_OPERATION = "fetch_kubeconfig"


class ClusterError(Exception):
    """The ConfigMap does not lead to a cluster; the text names the key at fault."""


def parse_address(address: str) -> str:
    """``https://<host>:<port>`` of an address with or without scheme and port. Raises :class:`ClusterError`."""
    if not address:
        raise ClusterError("empty address")
    full = address if address.startswith("http") else f"https://{address}"
    try:
        parts = urlsplit(full)
        port = parts.port
    except ValueError as error:
        raise ClusterError(f"failed to parse Kubernetes API server address '{full}': {error}") from error
    if parts.scheme != "https":
        raise ClusterError(f"the Kubernetes API server address '{full}' must use https scheme")
    host = parts.netloc.rpartition("@")[2].lower()
    return f"https://{host}" if port is not None else f"https://{host}:443"


class ClusterTokens:
    """Configurations for clusters that take tokens of this one's ServiceAccounts.

    ``per_object`` is the gate ``ObjectLevelWorkloadIdentity``, without which only the controller's own account counts.
    """

    def __init__(self, client: Client, cache: TokenCache, *, default_account: str, per_object: bool) -> None:
        self._client = client
        self._cache = cache
        self._default_account = default_account
        self._per_object = per_object

    async def config(self, data: Mapping[str, str], owner: ObjectKey) -> ClusterConfig:
        """How to reach the cluster that a ConfigMap's data describes, for the Kustomization ``owner``.

        Raises :class:`ClusterError`.
        """
        provider = data.get("provider", "")
        if provider in _CLOUDS:
            raise ClusterError(
                f"provider '{provider}' needs the credentials of that cloud, which comes with the extra "
                f"fluxkit[{provider}] of a later version; until then use provider 'generic', or a kubeconfig in a "
                "Secret (spec.kubeConfig.secretRef)"
            )
        if provider != "generic":
            raise ClusterError(f"provider '{provider}' not implemented")
        address = data.get("address", "")
        if not address:
            raise ClusterError("cluster address is required to create a REST config: the key 'address' is missing")
        try:
            server = parse_address(address)
        except ClusterError as error:
            raise ClusterError(f"failed to parse cluster address {address}: {error}") from error
        audiences = tuple(line.strip() for line in data.get("audiences", "").split("\n") if line.strip()) or (address,)
        account = await self._account(data.get("serviceAccountName", ""), owner.namespace)
        token = _AccountToken(
            self._client, self._cache, account, audiences, TokenUser("Kustomization", owner, _OPERATION)
        )
        try:
            await token.identity()  # what cannot be had at all is told here, and not by some later request
        except ConfigError as error:
            raise ClusterError(f"failed to get access token for cluster: {error}") from error
        try:
            return ClusterConfig(server=server, tls=TLSConfig(ca=data.get("ca.crt", "").encode()), credentials=token)
        except ConfigError as error:
            raise ClusterError(str(error)) from error

    async def _account(self, name: str, namespace: str) -> ObjectKey:
        by_default = not name and bool(self._default_account)
        name = name or self._default_account
        if not name:
            return _own_account()
        if not self._per_object:
            raise ClusterError(
                "failed to get access token for cluster: ObjectLevelWorkloadIdentity feature gate is not enabled, so "
                f"the ServiceAccount '{name}' cannot be used"
            )
        key = ObjectKey(namespace, name)
        try:
            await self._client.get(_ACCOUNT, name, namespace, metadata_only=True)
        except NotFound as error:
            why = "the default service account was not found" if by_default else str(error)
            raise ClusterError(f"failed to get service account '{key}': {why}") from error
        except KubeError as error:
            raise ClusterError(f"failed to get service account '{key}': {error}") from error
        return key


def _own_account() -> ObjectKey:
    try:
        return own_account()
    except ValueError as error:
        raise ClusterError(f"{error}: name one with the key 'serviceAccountName' of the ConfigMap") from error


class _AccountToken:
    """Credentials: a token of a ServiceAccount, from the cache as long as it holds."""

    def __init__(
        self, client: Client, cache: TokenCache, account: ObjectKey, audiences: tuple[str, ...], user: TokenUser
    ) -> None:
        self._client = client
        self._cache = cache
        self._account = account
        self._audiences = audiences
        self._user = user
        self._last = ""

    async def identity(self) -> Identity:
        token = await self._cache.get((self._account, self._audiences), self._user, self._issue)
        self._last = token.value
        return bearer(token.value)

    def reject(self, identity: Identity) -> bool:
        self._cache.reject((self._account, self._audiences), self._last)
        return True

    async def _issue(self) -> Token:
        try:
            return await request_token(self._client, self._account, self._audiences)
        except KubeError as error:
            raise ConfigError(
                f"failed to create kubernetes token for service account '{self._account}': {error}"
            ) from error

    def __repr__(self) -> str:
        return f"_AccountToken({str(self._account)!r})"
