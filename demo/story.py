"""The chapters of the story, in order."""

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

from demo.narrator import DemoFailed, Narrator
from fluxkit.api import GitRepository, Kustomization
from fluxkit.kube import Client, ClusterConfig, PatchKind, WatchCache
from fluxkit.kube.errors import KubeError
from fluxkit.objects import GroupVersionKind, Object
from testbed import Cluster, Controllers, GitServer, Repository

__all__ = ["play"]

_DEADLINE = 60.0
_NAMESPACE = "flux-system"
_KUSTOMIZATIONS = ("flux-system", "infrastructure", "apps-staging", "apps-production")
_DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
_PASSWORD = "correct horse battery staple"
_EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


async def play(directory: Path, *, keep: bool) -> None:
    """Plays everything in ``directory``, which is emptied first. Raises :class:`DemoFailed`."""
    stage = _Stage(directory)
    await stage.clear()
    try:
        story = await stage.set()
        try:
            await story.install()
            await story.look_around()
            await story.change()
            await story.drift()
            await story.remove()
            await story.break_and_heal()
        except (TimeoutError, KubeError) as error:
            log = stage.controllers.log_file
            raise DemoFailed(f"{error or 'a step took too long'}; the log of the controllers is {log}") from error
        stage.narrator.say("")
        stage.narrator.say("Everything held.")
        if keep:
            story.hand_over()
    finally:
        await stage.leave(running=keep)


class _Stage:
    """The processes that the story needs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = contextlib.AsyncExitStack()
        self.cluster = Cluster(directory / "cluster")
        self.controllers = Controllers(self.cluster.kubeconfig, directory / "controllers")
        self.server = GitServer(directory / "git", username="flux", password=_PASSWORD)
        self.narrator = Narrator(
            {"KUBECONFIG": str(self.cluster.kubeconfig), "XDG_STATE_HOME": str(directory / "state")}
        )

    async def clear(self) -> None:
        """Ends and removes what an earlier run left."""
        await self._stop()
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)

    async def set(self) -> "_Story":
        narrator = self.narrator
        narrator.chapter("A Kubernetes API and the controllers, on this machine")
        narrator.say("The sandbox is a Kubernetes API server in one process: no cluster, no containers.")
        await self.cluster.start()
        narrator.say(f"API server ready at {self.cluster.server}")
        await self.controllers.run()
        narrator.say(f"Controllers started; their log is {self.controllers.log_file}")
        narrator.chapter("A fleet repository, served over HTTP")
        narrator.say("The repository is examples/; git http-backend serves it and asks for a password.")
        fleet = Repository(self._directory / "git" / "fleet.git", self._directory / "clone")
        await fleet.create()
        fleet.copy(_EXAMPLES)
        await fleet.push("Start the fleet")
        await self.server.run()
        url = self.server.url("fleet.git")
        narrator.say(f"Fleet repository at {url}")
        client = await self._stack.enter_async_context(Client(ClusterConfig.load(str(self.cluster.kubeconfig))))
        cache = WatchCache(client, Kustomization.GVK)
        return _Story(narrator, self.cluster, fleet, url, client, cache, self._stack)

    async def leave(self, *, running: bool) -> None:
        await self._stack.aclose()
        if not running:
            await self._stop()

    async def _stop(self) -> None:
        for part in (self.controllers, self.server, self.cluster):
            await part.stop()


class _Story:
    def __init__(
        self,
        narrator: Narrator,
        cluster: Cluster,
        fleet: Repository,
        url: str,
        client: Client,
        kustomizations: WatchCache,
        stack: contextlib.AsyncExitStack,
    ) -> None:
        self._narrator = narrator
        self._cluster = cluster
        self._fleet = fleet
        self._url = url
        self._client = client
        self._kustomizations = kustomizations
        self._stack = stack

    async def install(self) -> None:
        self._narrator.chapter("Install, and let the cluster follow the repository")
        await self._narrator.run("flux", "install")
        await self._stack.enter_async_context(_running(self._kustomizations))
        await self._client.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "git-credentials", "namespace": _NAMESPACE},
                "stringData": {"username": "flux", "password": _PASSWORD},
            }
        )
        await self._narrator.run(
            "flux", "create", "source", "git", "flux-system", f"--url={self._url}", "--branch=main",
            "--interval=1m", "--secret-ref=git-credentials",
        )  # fmt: skip
        await self._narrator.run(
            "flux", "create", "kustomization", "flux-system", "--source=GitRepository/flux-system",
            "--path=./clusters/sandbox", "--prune=true", "--interval=10m",
        )  # fmt: skip
        await self._wait("all Kustomizations are ready", lambda: all(map(self._is_ready, _KUSTOMIZATIONS)))
        self._narrator.holds(
            self._transition("infrastructure") <= min(map(self._transition, ("apps-staging", "apps-production"))),
            "infrastructure became ready before the apps that depend on it",
            "the order of becoming ready is another",
        )

    async def look_around(self) -> None:
        self._narrator.chapter("What runs where, and why")
        await self._narrator.run("flux", "get", "all", "-A")
        tree = await self._narrator.run("flux", "tree", "kustomization", "flux-system")
        self._narrator.holds("Deployment/production/podinfo" in tree, "the tree leads to every object", "it does not")

    async def change(self) -> None:
        self._narrator.chapter("A change: commit, push, done")
        path = "apps/base/podinfo/deployment.yaml"
        self._fleet.write(path, self._fleet.read(path).replace("podinfo:6.9.0", "podinfo:6.9.1"))
        revision = await self._fleet.push("Update podinfo to 6.9.1")
        pushed = time.perf_counter()
        await self._reconcile_source()
        await self._wait(
            f"{revision} is applied", lambda: all(self._applied(name, revision) for name in _KUSTOMIZATIONS)
        )
        elapsed = time.perf_counter() - pushed
        image = await self._image("staging")
        self._narrator.holds(
            image.endswith("podinfo:6.9.1"),
            f"staging runs {image}, {elapsed * 1000:.0f} ms after the push",
            f"it runs {image}",
        )

    async def drift(self) -> None:
        self._narrator.chapter("Somebody works around Git")
        async with _running(WatchCache(self._client, _DEPLOYMENT)) as deployments:
            await deployments.wait_synced()
            uid = _uid(deployments.get("staging", "podinfo"))
            self._narrator.say("Deleting Deployment staging/podinfo, and scaling production/podinfo down by hand.")
            await self._client.delete(_DEPLOYMENT, "podinfo", "staging")
            await self._client.patch(
                _DEPLOYMENT, "podinfo", "production", kind=PatchKind.MERGE, field_manager="kubectl-edit",
                patch={"spec": {"replicas": 1}},
            )  # fmt: skip
            edited = time.perf_counter()

            def restored(cache: WatchCache) -> bool:
                recreated, scaled = cache.get("staging", "podinfo"), cache.get("production", "podinfo")
                return _uid(recreated) not in ("", uid) and scaled is not None and scaled["spec"]["replicas"] == 3

            await deployments.wait_for(restored, _DEADLINE)
            elapsed = time.perf_counter() - edited
        self._narrator.reached(f"both are as Git says again, after {elapsed * 1000:.0f} ms")

    async def remove(self) -> None:
        self._narrator.chapter("What leaves Git leaves the cluster")
        path = "apps/production/kustomization.yaml"
        self._fleet.remove("apps/production/poddisruptionbudget.yaml")
        self._fleet.write(path, self._fleet.read(path).replace("  - poddisruptionbudget.yaml\n", ""))
        revision = await self._fleet.push("Remove the disruption budget")
        await self._reconcile_source()
        await self._wait(f"{revision} is applied", lambda: self._applied("apps-production", revision))
        budgets = await self._client.list(GroupVersionKind("policy", "v1", "PodDisruptionBudget"), "production")
        self._narrator.holds(
            not budgets.items, "PodDisruptionBudget production/podinfo was pruned", f"{len(budgets.items)} are left"
        )

    async def break_and_heal(self) -> None:
        self._narrator.chapter("A broken manifest harms nothing that works")
        path = "apps/base/redis/service.yaml"
        self._fleet.write(path, self._fleet.read(path).replace("    - name: redis", "    - name: redis\n  broken: ["))
        revision = await self._fleet.push("Break the redis Service")
        await self._reconcile_source()
        await self._wait("the failure is reported", lambda: self._message("apps-staging", "BuildFailed") != "")
        message = self._message("apps-staging", "BuildFailed")
        await self._narrator.run("flux", "get", "kustomizations")
        self._narrator.holds(path in message, "the status names the file", message)
        events = await self._narrator.run("flux", "events", "--for", "Kustomization/apps-staging", "--types=Warning")
        self._narrator.holds(path in events, "so does an event", "no event tells")
        self._narrator.holds(
            (await self._image("staging")).endswith("6.9.1"),
            "what worked still runs",
            "the Deployment is not as it was",
        )
        await self._wait("unaffected parts follow", lambda: self._applied("infrastructure", revision))
        self._narrator.reached("parts that the broken file does not concern moved on to the new revision")
        self._narrator.say("A revert is the cure.")
        revision = await self._fleet.revert()
        await self._reconcile_source()
        await self._wait("all is well again", lambda: all(self._applied(name, revision) for name in _KUSTOMIZATIONS))
        await self._narrator.run("flux", "get", "kustomizations")

    def hand_over(self) -> None:
        say = self._narrator.say
        say(f"Everything is left running; `make demo` again starts over. Kubeconfig: {self._cluster.kubeconfig}")
        say(f"  export KUBECONFIG={self._cluster.kubeconfig} PATH={Path(sys.executable).parent}:$PATH")
        for command in (
            "flux get all -A",
            "flux tree kustomization flux-system",
            "flux events -A",
            "flux reconcile kustomization apps-staging --with-source",
            "kubectl -n production get deployments",
        ):
            say(f"  {command}")
        say(f"The clone of the fleet is {self._fleet.clone}: edit, commit and push there.")

    async def _reconcile_source(self) -> None:
        """What a webhook, or ``flux reconcile source git``, does."""
        requested = datetime.now(UTC).isoformat()
        await self._client.patch(
            GitRepository.GVK, "flux-system", _NAMESPACE, kind=PatchKind.MERGE,
            patch={"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": requested}}},
        )  # fmt: skip

    async def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        try:
            await self._kustomizations.wait_for(lambda _: condition(), _DEADLINE)
        except TimeoutError:
            states = [f"{name}: {self._ready(name)}" for name in _KUSTOMIZATIONS]
            raise DemoFailed(f"expected that {what}\n   but: " + "\n   ".join(states)) from None

    def _kustomization(self, name: str) -> Kustomization | None:
        obj = self._kustomizations.get(_NAMESPACE, name)
        return None if obj is None else Kustomization.decode(obj)

    def _ready(self, name: str) -> tuple[str, str, str]:
        """Status, reason and message of the Ready condition."""
        kustomization = self._kustomization(name)
        for condition in kustomization.status.conditions if kustomization else ():
            if condition.type == "Ready":
                return condition.status, condition.reason, condition.message
        return "Missing", "", ""

    def _is_ready(self, name: str) -> bool:
        return self._ready(name)[0] == "True"

    def _applied(self, name: str, revision: str) -> bool:
        kustomization = self._kustomization(name)
        return kustomization is not None and (
            kustomization.status.last_applied_revision == revision and self._is_ready(name)
        )

    def _message(self, name: str, reason: str) -> str:
        _, actual, message = self._ready(name)
        return message if actual == reason else ""

    def _transition(self, name: str) -> str:
        kustomization = self._kustomization(name)
        conditions = kustomization.status.conditions if kustomization else ()
        return next((each.last_transition_time for each in conditions if each.type == "Ready"), "")

    async def _image(self, namespace: str) -> str:
        deployment = await self._client.get(_DEPLOYMENT, "podinfo", namespace)
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _uid(obj: Object | None) -> str:
    return "" if obj is None else str(obj["metadata"]["uid"])


@contextlib.asynccontextmanager
async def _running(cache: WatchCache) -> AsyncIterator[WatchCache]:
    task = asyncio.create_task(cache.run())
    try:
        yield cache
    finally:
        task.cancel()
        await asyncio.wait({task})
