"""Commands that print something else against the sandbox, and why that may stay."""

__all__ = ["DIFFERENCES"]

_INGRESS = "the sandbox simulates a controller that gives Ingresses an address"

DIFFERENCES: dict[str, str] = {
    "get deployment web -o yaml": "the sandbox does not count Pods that are terminating",
    "get ingress front": _INGRESS,
    "describe ingress front": _INGRESS,
}
"""By command."""
