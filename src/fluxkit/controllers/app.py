"""The controllers as a process: what ``flux controllers`` runs.

All of upstream's controllers live in one process, share connections, caches and events, and can be split up with
``--controllers``. Where things come from is decided here and nowhere else.
"""

import asyncio
import os
import socket
import sys
import tempfile
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TextIO

from fluxkit.api import GitRepository, Kustomization
from fluxkit.apply import DriftWatch, StatusWatcher
from fluxkit.controllers.building.builder import Builder
from fluxkit.controllers.building.inputs import TreeIndexes
from fluxkit.controllers.clusters import ClusterTokens
from fluxkit.controllers.gitaccess import GitAccess
from fluxkit.controllers.gitrepository import GitRepositoryReconciler
from fluxkit.controllers.kustomization.attempt import Services
from fluxkit.controllers.kustomization.claims import Claims
from fluxkit.controllers.kustomization.directives import directives_changed
from fluxkit.controllers.kustomization.findings import FindingMetrics
from fluxkit.controllers.kustomization.helmreleases import HelmReleases
from fluxkit.controllers.kustomization.memory import MemoryStore
from fluxkit.controllers.kustomization.reconciler import KustomizationReconciler
from fluxkit.controllers.kustomization.triggers import (
    INDEXERS,
    artifact_changed,
    configured_by,
    dependants_of,
    dependencies_of_the_gone,
    referrers_of,
    sharers_of,
)
from fluxkit.controllers.options import ControllersOptions
from fluxkit.controllers.sources import OtherSources, SourceReader
from fluxkit.controllers.targets import Targets
from fluxkit.controllers.tokencache import TokenCache
from fluxkit.kube import CacheEvent, Client, ClusterConfig, RequestRate
from fluxkit.objects import GroupVersionKind, ObjectKey, ObjectRef
from fluxkit.runtime import (
    Controller,
    EventRecorder,
    IntervalJitter,
    LeaderElection,
    Manager,
    Part,
    StopSignals,
    Trigger,
    WorkerPool,
    election_id,
)
from fluxkit.runtime import logging as controller_logging
from fluxkit.runtime.predicates import any_of, resource_version_changed, spec_or_request
from fluxkit.source import ArtifactFetcher, ArtifactServer, FetchOptions, Storage
from fluxkit.source.git import GitClient

__all__ = ["run"]

_OWNER_LABEL = f"{Kustomization.GVK.group}/name"


def run(options: ControllersOptions) -> None:
    """Runs the controllers until SIGTERM or SIGINT.

    Raises ``ConfigError`` for an unusable kubeconfig, ``StorageError`` for the storage path, ``OSError`` for an address
    that cannot be bound.
    """
    try:
        import uvloop
    except ImportError:  # Windows has no uvloop
        asyncio.run(_main(options))
    else:
        uvloop.run(_main(options))


async def _main(options: ControllersOptions) -> None:
    async with AsyncExitStack() as stack:
        stream: TextIO = sys.stderr
        if options.log_file is not None:
            stream = stack.enter_context(options.log_file.open("a", buffering=1, encoding="utf-8"))
        controller_logging.setup(options.log_level, options.log_encoding, stream)
        config = ClusterConfig.load(options.kubeconfig, options.context)
        rate = RequestRate(options.kube_api_qps, options.kube_api_burst)
        client = await stack.enter_async_context(Client(config, field_manager="fluxkit", rate=rate))
        manager = Manager(
            client,
            health_addr=options.health_addr,
            metrics_addr=options.metrics_addr,
            graceful_timeout=options.graceful_shutdown_timeout,
        )
        process = _Process(options, client, manager, stack)
        if "source-controller" in options.controllers:
            await process.add_source_controller()
        if "kustomize-controller" in options.controllers:
            await process.add_kustomize_controller()
        stop = asyncio.Event()
        with StopSignals(stop):
            await manager.run(stop)


class _Process:
    def __init__(self, options: ControllersOptions, client: Client, manager: Manager, stack: AsyncExitStack) -> None:
        self._options = options
        self._client = client
        self._manager = manager
        self._stack = stack
        self._namespace = "" if options.watch_all_namespaces else options.runtime_namespace
        self._jitter = IntervalJitter(options.interval_jitter_percentage)
        self._identity = f"{socket.gethostname()}_{uuid.uuid4()}"
        self._scratch = Path(tempfile.gettempdir()) / f"fluxkit-{os.getuid()}"

    def _part(self, controller: str) -> Part:
        """What leads by itself, under the name that upstream's program has for its Lease."""
        options = self._options
        if not options.enable_leader_election:
            return self._manager.part(controller)
        lease = election_id(controller, options.watch_label_selector)
        election = LeaderElection(
            self._client,
            lease,
            options.runtime_namespace,
            identity=self._identity,
            lease_duration=options.leader_election_lease_duration,
            renew_deadline=options.leader_election_renew_deadline,
            retry_period=options.leader_election_retry_period,
            release_on_cancel=options.leader_election_release_on_cancel,
            on_change=self._manager.metrics.leader.labels(lease).set,
        )
        return self._manager.part(controller, election)

    async def add_source_controller(self) -> None:
        options, caches = self._options, self._manager.caches
        part = self._part("source-controller")
        storage = self._storage(part)
        git = await self._stack.enter_async_context(GitClient(self._scratch / "mirrors"))
        reconciler = GitRepositoryReconciler(
            self._client,
            storage,
            GitAccess(self._client, git),
            self._recorder("source-controller"),
            lambda: caches.cache(GitRepository.GVK, self._namespace),
            self._jitter,
            requeue_dependency=options.requeue_dependency,
        )
        part.add(
            Controller(
                "gitrepository",
                GitRepository.GVK,
                reconciler,
                concurrency=options.concurrent,
                min_retry_delay=options.min_retry_delay,
                max_retry_delay=options.max_retry_delay,
                namespace=self._namespace,
                label_selector=options.watch_label_selector,
            )
        )

    def _storage(self, part: Part) -> Storage:
        """The storage, which is touched and served only by the process that leads."""
        options = self._options
        host, _, port = options.storage_addr.rpartition(":")
        storage = Storage(
            options.storage_path,
            options.storage_adv_addr,
            retention_ttl=options.artifact_retention_ttl,
            retention_records=options.artifact_retention_records,
            algorithm=options.artifact_digest_algo,
        )

        async def serve() -> None:
            await storage.sweep()
            server = ArtifactServer(storage, host=host or "0.0.0.0", port=int(port))
            await self._stack.enter_async_context(server)
            if not options.storage_adv_addr:
                storage.advertised = _advertised(host, server.address.rpartition(":")[2])

        part.prepare(serve)
        return storage

    async def add_kustomize_controller(self) -> None:
        options, caches, enter = self._options, self._manager.caches, self._stack.enter_async_context
        fetch = FetchOptions(
            retries=options.http_retry,
            host_override=options.source_localhost,
            watcher_override=options.watcher_localhost,
            max_unpacked=None,
        )
        fetcher = await enter(ArtifactFetcher(self._scratch / "artifacts", fetch))
        workers = await enter(
            WorkerPool(
                options.build_workers,
                memory_limit_bytes=options.build_memory,
                preload=("fluxkit.controllers.building.manifests",),
            )
        )
        drift = await enter(
            DriftWatch[ObjectKey](
                self._client,
                lambda owner, ref: drifted(owner, ref),
                on_takeover=lambda owner, ref, other: taken_over(owner, ref, other),
            )
        )
        tokens = TokenCache(self._manager.metrics.registry)
        builder = Builder(self._client, workers, options, tokens)
        targets = Targets(
            self._client,
            ClusterTokens(
                self._client,
                tokens,
                default_account=options.default_kubeconfig_service_account,
                per_object=options.gate("ObjectLevelWorkloadIdentity"),
            ),
            default_service_account=options.default_service_account,
            allow_exec=options.insecure_kubeconfig_exec,
            allow_insecure_tls=options.insecure_kubeconfig_tls,
        )
        memories, indexes = MemoryStore(), TreeIndexes()
        kustomizations = caches.cache(Kustomization.GVK, self._namespace, indexers=INDEXERS)
        repositories = caches.cache(GitRepository.GVK, self._namespace)
        others = OtherSources(self._client, caches, self._namespace, lambda event: source_changed(event))
        sources = SourceReader(
            lambda: repositories,
            others,
            no_cross_namespace_refs=options.no_cross_namespace_refs,
            external_artifacts=options.gate("ExternalArtifact"),
            direct=self._client if options.gate("DirectSourceFetch") else None,
        )
        services = Services(
            client=self._client,
            fetcher=fetcher,
            builder=builder,
            drift=drift,
            watcher=await enter(StatusWatcher(self._client, managed_label=_OWNER_LABEL)),
            targets=targets,
            claims=Claims(
                lambda: kustomizations,
                lambda: repositories,
                sources,
                fetcher,
                builder,
                targets,
                memories,
                indexes,
            ),
            options=options,
            memories=memories,
            indexes=indexes,
            findings=FindingMetrics(self._manager.metrics.registry),
            tokens=tokens,
        )
        reconciler = KustomizationReconciler(
            services,
            sources,
            self._recorder("kustomize-controller"),
            lambda: kustomizations,
            HelmReleases(self._client, caches, self._namespace, lambda event: release_changed(event)),
            self._jitter,
        )
        controller = Controller(
            "kustomization",
            Kustomization.GVK,
            reconciler,
            concurrency=options.concurrent,
            min_retry_delay=options.min_retry_delay,
            max_retry_delay=options.max_retry_delay,
            namespace=self._namespace,
            label_selector=options.watch_label_selector,
            predicate=any_of(spec_or_request, directives_changed),
        )
        referrers = referrers_of(lambda: kustomizations)
        dependants = dependants_of(lambda: kustomizations)
        controller.watch(GitRepository.GVK, referrers, predicate=artifact_changed, namespace=self._namespace)
        controller.watch(Kustomization.GVK, dependants, namespace=self._namespace)
        sharers = sharers_of(lambda: kustomizations)
        if not options.gate("DisableConfigWatchers"):
            for kind in ("ConfigMap", "Secret"):
                controller.watch(
                    GroupVersionKind("", "v1", kind),
                    configured_by(lambda: kustomizations, kind),
                    predicate=resource_version_changed,
                    namespace=self._namespace,
                    label_selector=options.watch_configs_label_selector,
                    metadata_only=True,
                )

        def source_changed(event: CacheEvent) -> None:
            if artifact_changed(event):
                for key in referrers(event):
                    controller.enqueue(key, trigger=Trigger.of(event.object))

        def release_changed(event: CacheEvent) -> None:
            for key in dependants(event):
                controller.enqueue(key, trigger=Trigger.of(event.object))

        def drifted(owner: ObjectKey, ref: ObjectRef) -> None:
            controller.log.info("drift detected", {"owner": str(owner), "object": str(ref)})
            controller.enqueue(owner, trigger=Trigger(ref.gvk.kind, ref.namespace, ref.name))

        def taken_over(owner: ObjectKey, ref: ObjectRef, other: str) -> None:
            # correcting it at once would start a fight between two owners; the interval does
            fields = {"owner": str(owner), "object": str(ref), "other": other}
            controller.log.info("object is claimed by another Kustomization", fields)

        def shared(event: CacheEvent) -> None:
            # no trigger: what becomes of shared objects is no reason to give up waiting for health
            for key in (*sharers(event), *dependencies_of_the_gone(event)):
                controller.enqueue(key)

        kustomizations.subscribe(shared)
        self._part("kustomize-controller").add(controller)

    def _recorder(self, controller: str) -> EventRecorder:
        recorder = EventRecorder(self._client, controller, self._options.events_addr)
        self._manager.drain_at_shutdown(recorder)
        return recorder


def _advertised(host: str, port: str) -> str:
    """The address that consumers are told: upstream's rule for a storage address without advertised address."""
    if host in ("0.0.0.0", "[::]"):
        host = os.environ.get("HOSTNAME") or socket.gethostname()
    return f"{host or 'localhost'}:{port}"
