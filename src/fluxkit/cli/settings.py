"""What the persistent flags of ``flux`` say, for every command (fluxcd/flux2 cmd/flux/main.go)."""

from dataclasses import dataclass, field

__all__ = ["Settings"]


@dataclass(slots=True)
class Settings:
    """The values of the persistent flags; ``given`` holds the names of those that the user set."""

    namespace: str = ""
    timeout: float = 300.0
    verbose: bool = False
    ns_follows_kube_context: bool = False
    kube_api_qps: float = 50.0
    kube_api_burst: int = 300
    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    token: str = ""
    as_user: str = ""
    as_group: tuple[str, ...] = ()
    as_uid: str = ""
    as_user_extra: tuple[str, ...] = ()
    cache_dir: str = ""
    disable_compression: bool = False
    given: set[str] = field(default_factory=set)
