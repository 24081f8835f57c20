"""YAML with its comments, as go-yaml v3 reads and writes it (go.yaml.in/yaml/v3).

:mod:`.tokens` finds the comments while scanning, :mod:`.parser` attaches them to nodes, :mod:`.emitter` writes nodes,
and :mod:`.store` turns nodes into the documents of SOPS and back. Which comment belongs to what is a heuristic of
go-yaml's, reproduced because decrypted files must come out as upstream writes them.
"""

from fluxkit.sops.stores.yaml.store import dump, load

__all__ = ["dump", "load"]
