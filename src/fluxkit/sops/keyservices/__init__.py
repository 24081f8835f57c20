"""Who holds the master keys: PGP keys in a keyring of our own, HashiCorp Vault, and the clouds' key services.

Promises: every question ends within its time limit; keys and tokens are never on a command line, in a log or in an
error; of the machine's own configuration only what upstream names takes part (``VAULT_*``, the clouds' default
credentials). The clouds' own client libraries are optional: ``fluxkit[aws]``, ``fluxkit[gcp]``, ``fluxkit[azure]``.

Refuses: prompts, agents and keyrings of the user who runs it.

:mod:`.material` reads the Secret that holds keys and credentials, :mod:`.services` asks; one module for each service.
"""

from fluxkit.sops.keyservices.material import KeyImportError, KeyMaterial
from fluxkit.sops.keyservices.services import KeyServices

__all__ = ["KeyImportError", "KeyMaterial", "KeyServices"]
