"""fluxkit: Flux v2, the GitOps toolkit for Kubernetes, in Python."""

__version__ = "0.1.0"
