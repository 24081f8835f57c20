"""From an unpacked source to the objects of a Kustomization: path, variables, build.

What is read here is read with the controller's own rights, in the namespace of the Kustomization; the build itself runs
in a worker process. Errors carry the reasons and texts of fluxcd/kustomize-controller ``reconcile`` and ``build``.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import orjson

from fluxkit.api import Kustomization
from fluxkit.api.kustomize import KustomizationSpec
from fluxkit.api.resource import encode_part
from fluxkit.controllers.building.decryption import is_exempt
from fluxkit.controllers.building.decryption_keys import DecryptionKeysError, KeySource, load_key_source
from fluxkit.controllers.building.manifests import BuildFailed, BuildRequest, Manifests, build_manifests
from fluxkit.controllers.building.plaintext import DecryptionKeys
from fluxkit.controllers.building.variables import VariablesError, load_variables
from fluxkit.controllers.failures import StepFailed
from fluxkit.controllers.options import ControllersOptions
from fluxkit.controllers.tokencache import TokenCache
from fluxkit.kube import Client
from fluxkit.objects import Object, gvk_of, subject
from fluxkit.runtime import WorkerError, WorkerPool
from fluxkit.sops import Deferred
from fluxkit.sops.answers import Answers
from fluxkit.source import SourceError, UnpackedTree
from fluxkit.source.paths import secure_join

__all__ = ["Build", "Builder", "check_encryption"]


Waiting = Callable[[Awaitable[Answers]], Awaitable[Answers]]


async def _awaited(awaitable: Awaitable[Answers]) -> Answers:
    return await awaitable


@dataclass(frozen=True, slots=True)
class Build:
    """A build that can be run: all that it depends on besides the files of the source is known."""

    kustomization: Kustomization
    path: str
    """Relative to the root of the source, as resolved from ``spec.path``."""
    variables: Mapping[str, str]
    request: str
    """Digest over everything that decides about the objects besides the files."""
    keys: KeySource | None = None
    """What there is to decrypt with."""


class Builder:
    """Builds Kustomizations. Its methods raise :class:`StepFailed`."""

    def __init__(
        self, client: Client, workers: WorkerPool, options: ControllersOptions, tokens: TokenCache | None = None
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._workers = workers
        self._options = options

    async def resolve_path(self, kustomization: Kustomization, tree: UnpackedTree) -> str:
        """``spec.path`` relative to the root of the source, wherever it tries to lead."""
        wanted = kustomization.spec.path
        try:
            # follows links, one call to the file system for each part of the path
            joined = await asyncio.to_thread(secure_join, tree.path, wanted)
        except SourceError as error:
            raise StepFailed("ArtifactFailed", str(error)) from error
        relative = joined.relative_to(tree.path).as_posix().removeprefix(".")
        if relative and relative not in tree.directories:
            found = "it is a file" if relative in tree.files else "no such directory in the source"
            raise StepFailed("ArtifactFailed", f"kustomization path not found: {wanted}: {found}")
        return relative

    async def prepare(self, kustomization: Kustomization, path: str) -> Build:
        """Reads what the build needs from the cluster."""
        try:
            variables = await load_variables(self._client, kustomization)
            keys = await load_key_source(self._client, kustomization, self._options, self._tokens)
        except (VariablesError, DecryptionKeysError) as error:
            raise StepFailed("BuildFailed", str(error)) from error
        parts = [encode_part(kustomization.spec), variables, self._strict, keys.digest if keys else ""]
        request = hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
        return Build(kustomization, path, variables, request, keys)

    async def run(self, build: Build, tree: UnpackedTree, waiting: Waiting = _awaited) -> Manifests:
        """Runs the build; it is run again each time it turns out to need keys that a key service holds.

        ``waiting`` is used for what the key services are waited for.
        """
        options = self._options
        request = BuildRequest(
            root=tree.path,
            path=build.path,
            spec=build.kustomization.spec,
            variables=build.variables,
            strict_substitutions=self._strict,
            allow_remote_bases=not options.no_remote_bases,
            decryption=DecryptionKeys(build.keys.age) if build.keys else None,
        )
        while True:
            try:
                return await self._workers.run(build_manifests, request, timeout=options.build_timeout)
            except BuildFailed as error:
                raise StepFailed("BuildFailed", str(error)) from error
            except WorkerError as error:
                raise StepFailed("BuildFailed", f"kustomize build failed: {error}") from error
            except Deferred as deferred:
                assert build.keys is not None
                assert request.decryption is not None
                more = await waiting(build.keys.services.answers(deferred.keys))
                answers = {**request.decryption.answers, **more}
                request = replace(request, decryption=replace(request.decryption, answers=answers))

    @property
    def _strict(self) -> bool:
        return self._options.gate("StrictPostBuildSubstitutions")


def check_encryption(manifests: Manifests, spec: KustomizationSpec) -> None:
    """Raises :class:`StepFailed` for a Secret that is still encrypted: nothing of it may reach the cluster."""
    for obj in manifests.objects:
        if _is_encrypted(obj):
            text = "configuring decryption is required for this secret to be reconciled"
            raise StepFailed("ReconciliationFailed", f"{subject(obj)} is SOPS encrypted, {text}")


def _is_encrypted(obj: Object) -> bool:
    """Whether a Secret still carries SOPS metadata and has not opted out of decryption."""
    gvk = gvk_of(obj)
    return not gvk.group and gvk.kind == "Secret" and "sops" in obj and not is_exempt(obj)
