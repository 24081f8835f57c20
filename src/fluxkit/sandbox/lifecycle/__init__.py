"""Controllers that belong to the API itself: garbage collection, namespaces, custom resource definitions,
aggregated roles, event expiry.

Each observes committed changes and acts through the registry, like the controllers of a real control plane act through
the API; none of them is needed to answer a request. They are level-based: what they do follows from what is stored.
"""

from fluxkit.sandbox.lifecycle.aggregation import RoleAggregation
from fluxkit.sandbox.lifecycle.apiservices import APIServices
from fluxkit.sandbox.lifecycle.controller import Controller, Pace
from fluxkit.sandbox.lifecycle.definitions import Definitions
from fluxkit.sandbox.lifecycle.events import EventExpiry
from fluxkit.sandbox.lifecycle.garbage import GarbageCollector
from fluxkit.sandbox.lifecycle.namespaces import NamespaceLifecycle

__all__ = [
    "APIServices",
    "Controller",
    "Definitions",
    "EventExpiry",
    "GarbageCollector",
    "NamespaceLifecycle",
    "Pace",
    "RoleAggregation",
]
