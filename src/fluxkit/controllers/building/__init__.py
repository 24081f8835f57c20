"""From an unpacked source to the objects of a Kustomization: overlay, decryption, kustomize, substitution.

The work is done in worker processes, with limits; what it needs from the cluster or from key services is fetched on the
I/O side before, and comes in as data. Nothing is written to the source, which all consumers share. A build says what it
read, so that a later revision that left it alone is known to build the same (:mod:`~.inputs`).

Knows of Kustomizations what is in their spec, and nothing of attempts, status or the objects on a cluster.
"""
