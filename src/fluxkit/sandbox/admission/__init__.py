"""Admission: what may still change or refuse a write after it has been authorized and decoded.

Promises the chain of the API server: LimitRanges give Pods their defaults and bounds, mutating webhooks change objects,
ValidatingAdmissionPolicies and validating webhooks judge them, ResourceQuotas count them. Webhooks are called for real,
over HTTPS, at their URL or at the address with which their Service is annotated.

Refuses MutatingAdmissionPolicies, and webhooks for what the simulated controllers write: those writes are decided in
one step, so that only the parts that need no waiting see them.

The registry decides synchronously. A webhook that has to be asked first stops it with :class:`ReviewNeeded`; the caller
awaits the answers and repeats the operation, which finds them in its :class:`Journal` (:mod:`.journal`).
"""

from fluxkit.sandbox.admission.chain import Admission
from fluxkit.sandbox.admission.journal import Journal, ReviewNeeded
from fluxkit.sandbox.admission.operation import Operation

__all__ = ["Admission", "Journal", "Operation", "ReviewNeeded"]
