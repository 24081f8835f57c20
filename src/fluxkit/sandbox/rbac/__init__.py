"""Role-based access control: who may do what, by Roles and bindings, and who may hand out which rights.

Mirrors kubernetes/kubernetes ``plugin/pkg/auth/authorizer/rbac`` and ``pkg/registry/rbac``. Members of
``system:masters`` may do everything, as upstream's privileged group authorizer has it.
"""

from fluxkit.sandbox.rbac.authorizer import RBACAuthorizer
from fluxkit.sandbox.rbac.defaults import populate
from fluxkit.sandbox.rbac.escalation import EscalationGuard

__all__ = ["EscalationGuard", "RBACAuthorizer", "populate"]
