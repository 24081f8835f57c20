"""The kubeconfig of a sandbox: administrator's client certificate and token, the authority inline."""

import base64

from fluxkit import yaml
from fluxkit.sandbox.certificates import KeyPair

__all__ = ["CONTEXT", "kubeconfig"]

CONTEXT = "fluxkit-sandbox"


def kubeconfig(server: str, authority: bytes, client: KeyPair, token: str) -> str:
    """YAML text; kubectl uses the certificate, clients without certificate support the token of the second user."""

    def inline(data: bytes) -> str:
        return base64.b64encode(data).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": inline(authority)}}],
        "users": [
            {
                "name": "admin",
                "user": {
                    "client-certificate-data": inline(client.certificate),
                    "client-key-data": inline(client.key),
                },
            },
            {"name": "admin-token", "user": {"token": token}},
        ],
        "contexts": [
            {"name": CONTEXT, "context": {"cluster": CONTEXT, "user": "admin", "namespace": "default"}},
            {
                "name": f"{CONTEXT}-token",
                "context": {"cluster": CONTEXT, "user": "admin-token", "namespace": "default"},
            },
        ],
        "current-context": CONTEXT,
        "preferences": {},
    }
    return yaml.dump(document)
