"""Looking up host names: nothing here does, as in Helm unless its user asks for it. Upstream: helm ``pkg/engine``."""

from fluxkit.template.sprig.declare import declare

__all__ = ["FUNCTIONS"]


def _get_host_by_name(name: str) -> str:
    return ""


FUNCTIONS = declare({"getHostByName": ("func(string) string", _get_host_by_name)})
"""Name in templates -> Go signature and implementation."""
