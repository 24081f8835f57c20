"""The GitRepository reconciler: what does the reference mean now, and is its artifact stored?

An interval at which the remote has not moved costs one round trip to it and no write. Conditions, order, reasons and
texts follow fluxcd/source-controller ``internal/controller/gitrepository_controller.go``.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fluxkit.api import Artifact, DecodeError, GitRepository
from fluxkit.controllers.gitaccess import AccessError, GitAccess
from fluxkit.controllers.report import StatusReport
from fluxkit.durations import parse_duration
from fluxkit.kube import Client, WatchCache
from fluxkit.objects import ObjectKey
from fluxkit.runtime import (
    EventRecorder,
    IntervalJitter,
    Result,
    Run,
    SerialPatcher,
    TerminalError,
    conditions,
    finalizers,
)
from fluxkit.runtime.status import (
    ConditionSet,
    ResultFinalizer,
    mirror_reconcile_request,
    observes_generation,
    report_progress,
)
from fluxkit.source import GitError, IgnoreRules, SourceError, Storage, StorageError
from fluxkit.source.git import Commit, GitRemote, ResolvedRef, normalize_revision
from fluxkit.source.include import place

__all__ = ["FIELD_OWNER", "GitRepositoryReconciler"]

FIELD_OWNER = "source-controller"

ARTIFACT_IN_STORAGE = "ArtifactInStorage"
ARTIFACT_OUTDATED = "ArtifactOutdated"
FETCH_FAILED = "FetchFailed"
INCLUDE_UNAVAILABLE = "IncludeUnavailable"
STORAGE_OPERATION_FAILED = "StorageOperationFailed"
SOURCE_VERIFIED = "SourceVerified"

_SUMMARY = (
    STORAGE_OPERATION_FAILED,
    FETCH_FAILED,
    INCLUDE_UNAVAILABLE,
    ARTIFACT_OUTDATED,
    ARTIFACT_IN_STORAGE,
    SOURCE_VERIFIED,
    conditions.STALLED,
    conditions.RECONCILING,
)
_NEGATIVE = (STORAGE_OPERATION_FAILED, FETCH_FAILED, INCLUDE_UNAVAILABLE, ARTIFACT_OUTDATED)
_READY = ConditionSet.ready(_SUMMARY, _NEGATIVE)
_OWNED = (conditions.READY, *_SUMMARY)
_GARBAGE_COLLECTION_SECONDS = 5.0
_NO_INTERVAL = -1.0
"""A requeue that no result has: it tells the summary that the run is not a success."""


class _Failed(Exception):
    """A step failed. ``condition`` becomes True with the reason; ``stalled`` waits for a change of the spec."""

    def __init__(self, condition: str, reason: str, message: str, *, stalled: bool = False) -> None:
        super().__init__(message)
        self.condition = condition
        self.reason = reason
        self.stalled = stalled


class _Waiting(_Failed):
    """Something that is expected is not there yet: neither an error nor a success."""


@dataclass(slots=True)
class _Conclusion:
    """What a run ends with; ``succeeded`` is false also while something is waited for."""

    result: Result = field(default_factory=Result)
    error: Exception | None = None
    succeeded: bool = False


class GitRepositoryReconciler:
    """Keeps the artifact of a GitRepository at what its reference means."""

    def __init__(
        self,
        client: Client,
        storage: Storage,
        access: GitAccess,
        recorder: EventRecorder,
        repositories: Callable[[], WatchCache],
        jitter: IntervalJitter,
        *,
        requeue_dependency: float,
    ) -> None:
        self._client = client
        self._storage = storage
        self._access = access
        self._recorder = recorder
        self._repositories = repositories
        self._jitter = jitter
        self._requeue_dependency = requeue_dependency

    async def reconcile(self, run: Run) -> Result:
        obj = await run.read()
        if obj is None:
            return Result()
        try:
            repository = GitRepository.decode(obj)
        except DecodeError as error:
            raise TerminalError(str(error)) from error
        conclusion = _Conclusion()
        async with self._report(run, repository, conclusion) as report:
            await self._steps(run, repository, report, conclusion)
        if conclusion.error is not None:
            raise conclusion.error
        return conclusion.result

    def _report(self, run: Run, repository: GitRepository, conclusion: _Conclusion) -> StatusReport:
        patcher = SerialPatcher(self._client, repository, field_owner=FIELD_OWNER, owned=_OWNED, on_write=run.wrote)

        async def write() -> None:
            await patcher.patch(repository)

        async def conclude() -> None:
            managed = repository.metadata.deletion_timestamp is None and finalizers.has(repository)
            if managed and not repository.spec.suspend and not conclusion.result.immediately:
                self._finish(repository, conclusion)
            observed = repository.spec.suspend or observes_generation(repository)
            await patcher.patch(repository, observe_generation=observed and managed)

        def failed(error: Exception) -> None:
            run.log.error("unable to report progress", error=error)

        return StatusReport(write, conclude, failed)

    def _finish(self, repository: GitRepository, conclusion: _Conclusion) -> None:
        """Ready as the summary of everything else, and what the run ends with."""
        interval = conclusion.result.requeue_after if conclusion.succeeded else _NO_INTERVAL
        finalizer = ResultFinalizer(interval=interval, success_message="", summaries=[_READY])
        conclusion.error = finalizer.finalize(repository, conclusion.result, conclusion.error)
        if conditions.is_reconciling(repository) and not conclusion.succeeded:
            message = conditions.message_of(repository, conditions.RECONCILING)
            conditions.mark_reconciling(repository, "ProgressingWithRetry", message)

    async def _steps(self, run: Run, repository: GitRepository, report: StatusReport, conclusion: _Conclusion) -> None:
        if repository.metadata.deletion_timestamp is not None:
            await self._delete(repository)
            return
        if finalizers.add(repository):
            conclusion.result = Result(immediately=True)
            return
        if repository.spec.suspend:
            run.log.info("reconciliation is suspended for this object")
            mirror_reconcile_request(repository)
            return
        failed_before = conditions.has_any(repository, (FETCH_FAILED, STORAGE_OPERATION_FAILED))
        try:
            await self._bring_up_to_date(run, repository, report, failed_before)
        except _Waiting as waiting:
            conditions.mark_true(repository, waiting.condition, waiting.reason, str(waiting))
            self._recorder.trace(repository, waiting.reason, str(waiting), {})
            conclusion.result = Result(self._requeue_dependency)
        except _Failed as failure:
            self._fail(run, repository, failure, conclusion)
        else:
            conditions.delete(repository, conditions.STALLED)
            conclusion.result = Result(self._jitter(parse_duration(repository.spec.interval)))
            conclusion.succeeded = True

    def _fail(self, run: Run, repository: GitRepository, failure: _Failed, conclusion: _Conclusion) -> None:
        conditions.mark_true(repository, failure.condition, failure.reason, str(failure))
        self._recorder.warning(repository, failure.reason, str(failure), {})
        if failure.stalled:
            run.log.error("reconciliation stalled", error=failure)
            conditions.mark_stalled(repository, failure.reason, str(failure))
        else:
            conclusion.error = failure

    async def _delete(self, repository: GitRepository) -> None:
        key = repository.key
        await self._storage.remove_all(GitRepository.GVK.kind, key.namespace, key.name)
        finalizers.remove(repository)

    # --- the steps of a reconcile ---

    async def _bring_up_to_date(
        self, run: Run, repository: GitRepository, report: StatusReport, failed_before: bool
    ) -> None:
        self._announce(repository, report)
        await self._check_storage(repository, report)
        includes = self._read_includes(repository)
        try:
            remote = await self._access.remote(repository)
        except AccessError as error:
            raise _Failed(FETCH_FAILED, error.reason, str(error), stalled=error.stalled) from error
        resolved = await self._resolve(run, remote, repository)
        conditions.delete(repository, FETCH_FAILED)
        if self._is_current(repository, resolved, includes):
            conditions.delete(repository, ARTIFACT_OUTDATED)
            _mark_stored(repository, resolved.revision)
            run.log.debug(f"no changes since last reconciliation: observed revision '{resolved.revision}'")
            return
        _tell_outdated(repository, resolved, includes)
        report.progress()
        async with _working_directory(repository) as directory:
            commit = await self._checkout(run, remote, repository, resolved, directory / "tree")
            await self._place_includes(repository, includes, directory / "tree")
            await self._store(repository, commit, includes, directory / "tree", failed_before)

    def _announce(self, repository: GitRepository, report: StatusReport) -> None:
        observed, generation = repository.status.observed_generation, repository.metadata.generation
        message = "reconciliation in progress"
        if observed != generation:
            message = f"processing object: new generation {observed} -> {generation}"
        report_progress(repository, "Progressing", message)
        report.progress()
        conditions.delete(repository, STORAGE_OPERATION_FAILED)

    async def _check_storage(self, repository: GitRepository, report: StatusReport) -> None:
        """Drops what retention no longer covers, and the artifact itself if its file is gone or damaged."""
        artifact = repository.status.artifact
        if artifact is not None:
            try:
                async with asyncio.timeout(_GARBAGE_COLLECTION_SECONDS):
                    await self._storage.collect_garbage(artifact)
            except (StorageError, TimeoutError) as error:
                self._recorder.trace(
                    repository, "GarbageCollectionFailed", str(error) or "garbage collection timed out", {}
                )
            if self._storage.exists(artifact):
                try:
                    await self._storage.verify(artifact)
                except SourceError as error:
                    self._recorder.warning(repository, "ArtifactVerificationFailed", str(error), {})
                    await self._storage.remove(artifact)
                else:
                    repository.status.artifact = self._storage.with_current_url(artifact)
                    return
        message = "building artifact" if artifact is None else "building artifact: disappeared from storage"
        repository.status.artifact = None
        conditions.delete(repository, ARTIFACT_IN_STORAGE)
        report_progress(repository, "Progressing", message, drift=True)
        report.progress()

    def _read_includes(self, repository: GitRepository) -> list[Artifact]:
        """The artifacts to include, in the order of the spec."""
        artifacts = []
        for include in repository.spec.include:
            key = ObjectKey(repository.metadata.namespace, include.repository.name)
            obj = self._repositories().get(key.namespace, key.name)
            if obj is None:
                raise _Waiting(
                    INCLUDE_UNAVAILABLE, "NotFound", f"could not get resource for include '{key.name}': not found"
                )
            artifact = GitRepository.decode(obj).status.artifact
            if artifact is None:
                raise _Waiting(INCLUDE_UNAVAILABLE, "NoArtifact", f"no artifact available for include '{key.name}'")
            artifacts.append(artifact)
        conditions.delete(repository, INCLUDE_UNAVAILABLE)
        return artifacts

    async def _resolve(self, run: Run, remote: GitRemote, repository: GitRepository) -> ResolvedRef:
        try:
            return await run.waiting(remote.resolve(repository.spec.ref))
        except GitError as error:
            raise _fetch_failed(error) from error

    async def _checkout(
        self, run: Run, remote: GitRemote, repository: GitRepository, resolved: ResolvedRef, tree: Path
    ) -> Commit:
        spec = repository.spec
        checkout = remote.checkout(resolved, tree, sparse=spec.sparse_checkout, submodules=spec.recurse_submodules)
        try:
            return await run.waiting(checkout)
        except GitError as error:
            raise _fetch_failed(error) from error

    async def _place_includes(self, repository: GitRepository, includes: list[Artifact], tree: Path) -> None:
        for include, artifact in zip(repository.spec.include, includes, strict=True):
            target = include.to_path or include.repository.name
            try:
                await asyncio.to_thread(place, self._storage.local_path(artifact), include.from_path, tree, target)
            except SourceError as error:
                raise _Failed(STORAGE_OPERATION_FAILED, error.reason, str(error)) from error

    async def _store(
        self, repository: GitRepository, commit: Commit, includes: list[Artifact], tree: Path, failed_before: bool
    ) -> None:
        key = repository.key
        artifact = self._storage.artifact_for(
            GitRepository.GVK.kind, key.namespace, key.name, commit.revision, f"{commit.sha}.tar.gz"
        )
        try:
            ignore = await asyncio.to_thread(IgnoreRules.load, tree, repository.spec.ignore)
            artifact = await self._storage.store_tree(artifact, tree, ignore)
        except SourceError as error:
            raise _Failed(STORAGE_OPERATION_FAILED, error.reason, str(error)) from error
        before = repository.status.artifact
        status, spec = repository.status, repository.spec
        status.artifact = artifact
        status.included_artifacts = includes
        status.observed_ignore = spec.ignore
        status.observed_recurse_submodules = spec.recurse_submodules
        status.observed_include = list(spec.include)
        status.observed_sparse_checkout = list(spec.sparse_checkout)
        conditions.delete(repository, ARTIFACT_OUTDATED)
        _mark_stored(repository, artifact.revision)
        self._tell_stored(repository, artifact, before, commit, failed_before)

    def _tell_stored(
        self,
        repository: GitRepository,
        artifact: Artifact,
        before: Artifact | None,
        commit: Commit,
        failed_before: bool,
    ) -> None:
        group = GitRepository.GVK.group
        metadata = {f"{group}/revision": artifact.revision, f"{group}/digest": artifact.digest}
        message = f"stored artifact for commit '{commit.subject}'"
        if before is None or before.digest != artifact.digest:
            self._recorder.info(repository, "NewArtifact", message, metadata)
        elif failed_before:
            self._recorder.info(repository, "Succeeded", message, metadata)

    # --- has anything changed? ---

    def _is_current(self, repository: GitRepository, resolved: ResolvedRef, includes: list[Artifact]) -> bool:
        artifact = repository.status.artifact
        return (
            artifact is not None
            and normalize_revision(artifact.revision) == resolved.revision
            and not _content_changed(repository)
            and not _includes_changed(repository, includes)
        )


def _content_changed(repository: GitRepository) -> bool:
    """Whether the spec asks for another content of the same revision; nil and empty ignore rules differ."""
    spec, status = repository.spec, repository.status
    return (
        spec.ignore != status.observed_ignore
        or spec.recurse_submodules != status.observed_recurse_submodules
        or spec.sparse_checkout != status.observed_sparse_checkout
        or spec.include != status.observed_include
    )


def _includes_changed(repository: GitRepository, includes: list[Artifact]) -> bool:
    def identities(artifacts: list[Artifact]) -> list[tuple[str, str]]:
        return [(artifact.revision, artifact.digest) for artifact in artifacts]

    return identities(includes) != identities(repository.status.included_artifacts)


def _tell_outdated(repository: GitRepository, resolved: ResolvedRef, includes: list[Artifact]) -> None:
    artifact = repository.status.artifact
    if artifact is None or normalize_revision(artifact.revision) != resolved.revision:
        reason, message = "NewRevision", f"new upstream revision '{resolved.revision}'"
    elif _includes_changed(repository, includes):
        reason, message = "IncludeChange", "included artifacts differ from last observed includes"
    else:
        reason, message = "ContentChange", "content configuration has changed"
    if artifact is not None:
        conditions.mark_true(repository, ARTIFACT_OUTDATED, reason, message)
    report_progress(repository, "Progressing", f"building artifact: {message}", drift=True)


def _mark_stored(repository: GitRepository, revision: str) -> None:
    message = f"stored artifact for revision '{revision}'"
    conditions.mark_true(repository, ARTIFACT_IN_STORAGE, "Succeeded", message)


def _fetch_failed(error: GitError) -> _Failed:
    return _Failed(
        FETCH_FAILED,
        error.reason,
        error.condition_message,
        stalled=error.reason == "URLInvalid",
    )


@asynccontextmanager
async def _working_directory(repository: GitRepository) -> AsyncIterator[Path]:
    prefix = f"gitrepository-{repository.metadata.namespace}-{repository.metadata.name}-"
    try:
        directory = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        message = f"failed to create temporary working directory: {error}"
        raise _Failed(STORAGE_OPERATION_FAILED, "DirectoryCreationFailed", message) from error
    try:
        yield Path(directory.name)
    finally:
        await asyncio.to_thread(directory.cleanup)
