"""What objects must look like, and what the API server makes of them: decoding, defaults, pruning, validation.

Promises upstream's results and upstream's words: :class:`SchemaTypeChecks` is the registry's view; the modules below it
are functions over plain objects. Built-in kinds are decoded and defaulted as Go structs are; custom resources are
pruned, defaulted and validated by their structural schema.

Refuses to store, to authorise and to look at any other object than the one it judges.
"""

from fluxkit.sandbox.validation.checks import SchemaTypeChecks
from fluxkit.sandbox.validation.schemas import Schemas

__all__ = ["SchemaTypeChecks", "Schemas"]
