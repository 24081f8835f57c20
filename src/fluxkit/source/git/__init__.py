"""Git remotes: resolving references, fetching commits, writing their trees.

Resolving over HTTP speaks the smart protocol itself, on kept connections; everything else runs the ``git`` binary in a
closed environment with hard time limits (:mod:`fluxkit.source.git.process` says why). libgit2 is left out: a hung
transfer cannot be ended there, a crash in its C code would take the controller along, and importing its bindings takes
about a tenth of a second.
"""

from fluxkit.source.git.auth import GitAuth
from fluxkit.source.git.export import Commit
from fluxkit.source.git.refs import ResolvedRef, normalize_revision
from fluxkit.source.git.remote import GitClient, GitRemote

__all__ = ["Commit", "GitAuth", "GitClient", "GitRemote", "ResolvedRef", "normalize_revision"]
