"""Sets of objects on a cluster: server-side apply, inventory, prune, health and drift.

What upstream's ``ssa`` package and kstatus do for Flux's controllers (fluxcd/pkg ``ssa``, fluxcd/cli-utils
``pkg/kstatus``), with the same field manager, labels, inventory ids and texts, so that a cluster may go back and forth.

Promises: a stage writes nothing before all its objects passed the server's dry run; an object that has not changed is
never written; an interrupted run leaves whole objects only and a second run converges; health and drift are seen by
watching, never by polling; no error carries a value of a Secret. Refuses: deleting an object for any error that is not
plainly about immutable fields, and deleting what another owner's labels claim.
"""

from fluxkit.apply import kstatus
from fluxkit.apply.applyset import ApplyOptions, ApplySet, DeleteOptions
from fluxkit.apply.changeset import Action, ChangeSet, ChangeSetEntry
from fluxkit.apply.diff import ObjectDiff
from fluxkit.apply.drift import DriftWatch
from fluxkit.apply.errors import ApplyError, ApplyFailed, DeleteFailed, DuplicateObject, IgnoreRuleError
from fluxkit.apply.health import HealthCheckFailed, StatusWatcher, jobs_with_ttl, wait_healthy
from fluxkit.apply.ignore import IgnoreRule, IgnoreRules, Target
from fluxkit.apply.inventory import Inventory, InventoryError
from fluxkit.apply.kstatus import Status, StatusCode
from fluxkit.apply.ordering import ApplyStage, parse_group_kinds, sorted_refs, stage_of
from fluxkit.apply.ownership import CommonMetadata, Owner
from fluxkit.apply.state import AppliedState, Fingerprint, ObjectState

__all__ = [
    "Action",
    "AppliedState",
    "ApplyError",
    "ApplyFailed",
    "ApplyOptions",
    "ApplySet",
    "ApplyStage",
    "ChangeSet",
    "ChangeSetEntry",
    "CommonMetadata",
    "DeleteFailed",
    "DeleteOptions",
    "DriftWatch",
    "DuplicateObject",
    "Fingerprint",
    "HealthCheckFailed",
    "IgnoreRule",
    "IgnoreRuleError",
    "IgnoreRules",
    "Inventory",
    "InventoryError",
    "ObjectDiff",
    "ObjectState",
    "Owner",
    "Status",
    "StatusCode",
    "StatusWatcher",
    "Target",
    "jobs_with_ttl",
    "kstatus",
    "parse_group_kinds",
    "sorted_refs",
    "stage_of",
    "wait_healthy",
]
