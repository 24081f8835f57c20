"""The story of fluxkit, played on this machine: every step is shown, and asserted.

``python -m demo`` starts an embedded Kubernetes API, a Git server and the controllers, and takes a fleet through
install, change, drift, removal and failure. The exit status is non-zero, with the reason, if any step does not hold.
"""
