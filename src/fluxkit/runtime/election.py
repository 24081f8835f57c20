"""Leader election: of several replicas of a controller, one works.

The leader holds a ``coordination.k8s.io/v1`` Lease and renews it; others try to take it over once it has not been
renewed for its duration, which they judge by their own clocks from when they saw it change (client-go
``tools/leaderelection``). Losing the lease ends the process, because another one may be working already.
"""

import asyncio
import hashlib
import os
import random
import socket
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fluxkit import timestamps
from fluxkit.kube import Client, errors
from fluxkit.objects import GroupVersionKind, Object, metadata_of
from fluxkit.runtime.logging import get_logger
from fluxkit.runtime.manager import LeadershipLost

__all__ = ["RETRY_JITTER", "LeaderElection", "election_id"]

_LEASE = GroupVersionKind("coordination.k8s.io", "v1", "Lease")
RETRY_JITTER = 1.2
"""Attempts are up to this many retry periods apart."""


def election_id(controller: str, label_selector: str = "") -> str:
    """``<controller>-leader-election``, and a digest of the selector so that shards elect on their own."""
    name = f"{controller}-leader-election"
    if not label_selector:
        return name
    return f"{name}-{hashlib.sha256(label_selector.encode()).hexdigest()[:8]}"


@dataclass(slots=True)
class _Observed:
    """The lease's record as last seen, and when on our own clock it was seen to change."""

    spec: dict[str, Any]
    at: float


class LeaderElection:
    """Acquires, holds and releases one Lease.

    Durations are seconds with upstream's defaults. ``identity`` tells replicas apart. ``on_change`` is called with True
    when the lease is acquired and with False when it is lost or released: the place to set
    ``leader_election_master_status``. ``pause`` waits between attempts.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        namespace: str,
        *,
        identity: str = "",
        lease_duration: float = 35.0,
        renew_deadline: float = 30.0,
        retry_period: float = 5.0,
        release_on_cancel: bool = True,
        on_change: Callable[[bool], None] | None = None,
        now: Callable[[], datetime] = timestamps.now,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not retry_period * RETRY_JITTER < renew_deadline < lease_duration:
            raise ValueError(
                "leader election needs retry period * 1.2 < renew deadline < lease duration, got "
                f"{retry_period:g}s, {renew_deadline:g}s, {lease_duration:g}s"
            )
        self.name = name
        self.namespace = namespace
        self.identity = identity or f"{socket.gethostname()}_{uuid.uuid4()}"
        self._client = client
        self._lease_duration = lease_duration
        self._renew_deadline = renew_deadline
        self._retry_period = retry_period
        self._release_on_cancel = release_on_cancel
        self._on_change = on_change
        self._now = now
        self._pause = pause
        self._observed: _Observed | None = None
        self._leading = False
        self._log = get_logger(lease=f"{namespace}/{name}", pid=os.getpid())

    @property
    def leading(self) -> bool:
        return self._leading

    async def acquire(self) -> None:
        """Returns once this process leads."""
        self._log.info("Attempting to acquire leader lease")
        while not await self._try():
            await self._pause(self._retry_period * (1.0 + (RETRY_JITTER - 1.0) * random.random()))
        self._set_leading(True)
        self._log.info("Successfully acquired lease")

    async def hold(self) -> None:
        """Renews until cancelled; raises :class:`LeadershipLost` when the lease could not be renewed in time."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await self._pause(self._retry_period)
            try:
                async with asyncio.timeout_at(renewed + self._renew_deadline):
                    held = await self._try()
            except TimeoutError:
                held = False
            if held:
                renewed = loop.time()
            elif self._taken() or loop.time() >= renewed + self._renew_deadline:
                self._set_leading(False)
                raise LeadershipLost(f"failed to renew lease {self.namespace}/{self.name}: leader election lost")

    async def release(self) -> None:
        """Gives the lease up so that a successor need not wait; does nothing when another process holds it."""
        if not self._leading:
            return
        self._set_leading(False)
        if not self._release_on_cancel:
            return
        try:
            lease = await self._client.get(_LEASE, self.name, self.namespace)
            spec = lease.get("spec") or {}
            if spec.get("holderIdentity") != self.identity:
                return
            moment = timestamps.format_micro_time(self._now())
            # one second is the shortest duration that the API allows
            released = {
                "leaseTransitions": spec.get("leaseTransitions", 0),
                "leaseDurationSeconds": 1,
                "renewTime": moment,
                "acquireTime": moment,
                "holderIdentity": "",
            }
            await self._client.replace({**lease, "spec": released})
        except errors.KubeError as error:
            self._log.error("Failed to release lease", error=error)

    async def _try(self) -> bool:
        """One attempt to create, take over or renew the lease."""
        try:
            return await self._try_once()
        except errors.KubeError as error:
            self._log.error("error retrieving or updating resource lock", error=error)
            return False

    async def _try_once(self) -> bool:
        moment = timestamps.format_micro_time(self._now())
        record: dict[str, Any] = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": round(self._lease_duration),
            "acquireTime": moment,
            "renewTime": moment,
            "leaseTransitions": 0,
        }
        try:
            lease = await self._client.get(_LEASE, self.name, self.namespace)
        except errors.NotFound:
            created = await self._client.create(
                {
                    "apiVersion": _LEASE.api_version,
                    "kind": _LEASE.kind,
                    "metadata": {"name": self.name, "namespace": self.namespace},
                    "spec": record,
                }
            )
            self._observe(created)
            return True
        self._observe(lease)
        current: dict[str, Any] = lease.get("spec") or {}
        holder = current.get("holderIdentity") or ""
        if holder and holder != self.identity and not self._expired():
            return False
        transitions = current.get("leaseTransitions") or 0
        if holder == self.identity:
            record["acquireTime"] = current.get("acquireTime") or moment
            record["leaseTransitions"] = transitions
        else:
            record["leaseTransitions"] = transitions + 1
        replaced = {**lease, "spec": record, "metadata": metadata_of(lease)}
        self._observe(await self._client.replace(replaced))
        return True

    def _observe(self, lease: Object) -> None:
        spec: dict[str, Any] = lease.get("spec") or {}
        if self._observed is None or self._observed.spec != spec:
            self._observed = _Observed(spec, asyncio.get_running_loop().time())

    def _expired(self) -> bool:
        if self._observed is None:
            return True
        duration = self._observed.spec.get("leaseDurationSeconds") or 0
        return asyncio.get_running_loop().time() >= self._observed.at + duration

    def _taken(self) -> bool:
        """Another process was seen to hold the lease."""
        return self._observed is not None and self._observed.spec.get("holderIdentity") not in ("", self.identity)

    def _set_leading(self, leading: bool) -> None:
        self._leading = leading
        if self._on_change is not None:
            self._on_change(leading)
