"""Tables: what ``kubectl get`` prints, as the server renders it (``meta.k8s.io`` ``Table``).

Columns of built-in kinds follow kubernetes/kubernetes ``pkg/printers/internalversion/printers.go``; those of custom
kinds come from their definition's ``additionalPrinterColumns``.
"""

from fluxkit.sandbox.tables.column import Column, age, cells
from fluxkit.sandbox.tables.kinds import columns

__all__ = ["Column", "age", "cells", "columns"]
