"""What is repeated, what is not, and for how long."""

import asyncio

import pytest

from fluxkit.kube import Client, ClusterConfig, RequestRate, errors
from fluxkit.kube.throttle import TokenBucket
from fluxkit.kube.transport import RetryPolicy

from .scripted import (
    CONFIG_MAP,
    Answer,
    ScriptedServer,
    answer,
    config_map,
    connected,
    hang_up,
    scripted,
    status,
)

PATH = "/api/v1/namespaces/default/configmaps/a"
FINE = answer(config_map("a", 5))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are kept short: they are tested by themselves, below."""
    monkeypatch.setattr(RetryPolicy, "backoff", lambda self, attempt: 0.001 * attempt)


def refusing(code: int, reason: str, **headers: str) -> Answer:
    return answer(status(code, reason), code, **headers)


@pytest.mark.parametrize(
    "failure",
    [
        refusing(500, "InternalError"),
        refusing(503, "ServiceUnavailable"),
        refusing(504, "Timeout"),
        refusing(429, "TooManyRequests"),
        answer(b"bad gateway", 502),
        hang_up,
    ],
)
async def test_reads_are_repeated(failure: Answer) -> None:
    async with scripted() as server, connected(server) as client:
        server.on("GET", PATH, failure, failure, FINE)
        assert (await client.get(CONFIG_MAP, "a", "default"))["metadata"]["name"] == "a"
        assert len(server.asked("GET", PATH)) == 3
        server.on("GET", PATH, failure)
        before = len(server.asked("GET", PATH))
        with pytest.raises((errors.APIError, errors.ConnectionFailed)):
            await client.get(CONFIG_MAP, "a", "default")
        assert 5 <= len(server.asked("GET", PATH)) - before <= 10


@pytest.mark.parametrize(
    "failure",
    [
        refusing(500, "InternalError"),
        refusing(503, "ServiceUnavailable"),
        refusing(504, "Timeout", Retry_After="0"),
        refusing(429, "TooManyRequests"),
        refusing(409, "Conflict", Retry_After="0"),
        answer(b"bad gateway", 502),
        hang_up,
    ],
)
async def test_writes_that_may_have_happened_are_not_repeated(failure: Answer) -> None:
    async with scripted() as server, connected(server) as client:
        server.on("PATCH", PATH, failure, FINE)
        with pytest.raises((errors.APIError, errors.ConnectionFailed)) as caught:
            await client.apply(config_map("a", 5))
        assert len(server.asked("PATCH", PATH)) == 1
        if isinstance(caught.value, errors.ConnectionFailed):
            assert caught.value.sent


@pytest.mark.parametrize("code", [429, 503])
async def test_writes_are_repeated_when_the_server_says_when(code: int) -> None:
    async with scripted() as server, connected(server) as client:
        server.on("PATCH", PATH, refusing(code, "", Retry_After="0"), refusing(code, "", Retry_After="0"), FINE)
        await client.apply(config_map("a", 5))
        assert client.stats.retries["apply"] == 2
        server.on("PATCH", PATH, refusing(code, "", Retry_After="0"))
        with pytest.raises(errors.APIError):
            await client.apply(config_map("a", 5))
        assert client.stats.retries["apply"] == 2 + 9


async def test_a_wait_that_is_too_long_is_left_to_the_caller() -> None:
    async with scripted() as server, connected(server) as client:
        server.on("PATCH", PATH, refusing(429, "TooManyRequests", Retry_After="3600"))
        with pytest.raises(errors.TooManyRequests) as caught:
            await client.apply(config_map("a", 5))
        assert caught.value.retry_after == 3600
        assert client.stats.retries.total() == 0


async def test_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await real(0)

    async with scripted() as server, connected(server) as client:
        server.on("GET", PATH, refusing(429, "TooManyRequests", Retry_After="7"), FINE)
        await client.mapping(CONFIG_MAP)
        monkeypatch.setattr("fluxkit.kube.transport.asyncio.sleep", sleep)
        await client.get(CONFIG_MAP, "a", "default")
    assert 7 <= max(waited) <= 8


async def test_a_write_is_repeated_when_nobody_listened(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer()
    server.on("POST", "/x", answer({"ok": True}))
    async with Client(ClusterConfig(server=f"http://127.0.0.1:{unused_tcp_port}")) as client:
        with pytest.raises(errors.ConnectionFailed) as caught:
            await client.raw("POST", "/x", body=b"{}")
        assert not caught.value.sent
        assert client.stats.retries["raw"] == 4
        listening = asyncio.Event()

        async def sleep(seconds: float) -> None:
            await listening.wait()

        monkeypatch.setattr("fluxkit.kube.transport.asyncio.sleep", sleep)
        writing = asyncio.ensure_future(client.raw("POST", "/x", body=b"{}"))
        async with asyncio.timeout(10):
            while client.stats.retries["raw"] < 5:
                await asyncio.wait([writing], timeout=0)
        async with scripted(port=unused_tcp_port, server=server):
            listening.set()
            assert await writing == b'{"ok":true}'
        assert len(server.asked("POST", "/x")) == 1


async def test_an_answer_that_takes_too_long_is_given_up() -> None:
    never = asyncio.Event()

    async def stuck(request: object) -> None:
        await never.wait()

    async with scripted() as server, connected(server, timeout=0.2) as client:
        server.on("GET", "/slow", stuck)  # type: ignore[arg-type]
        with pytest.raises(errors.ConnectionFailed, match="GET /slow: no answer in time") as caught:
            await client.raw("GET", "/slow")
        assert caught.value.permanent
        never.set()


def test_backoff_grows_and_is_jittered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    policy = RetryPolicy(base=0.1, cap=5.0)
    for attempt, bound in ((1, 0.1), (2, 0.2), (5, 1.6), (20, 5.0)):
        waits = [policy.backoff(attempt) for _ in range(50)]
        assert all(0 <= wait <= bound for wait in waits)
        assert len(set(waits)) > 1
    assert max(policy.backoff(20) for _ in range(200)) > 1.6


@pytest.mark.contract("RUN-079")
@pytest.mark.parametrize("fair", [True, False])
async def test_throttling_is_off_where_the_server_has_priority_and_fairness(fair: bool) -> None:
    headers = {"X_Kubernetes_PF_FlowSchema_UID": "1"} if fair else {}
    async with scripted() as server:
        server.on("HEAD", "/livez/ping", answer(b"ok", **headers))
        server.on("GET", "/x", answer({}))
        async with Client(ClusterConfig(server=server.url), rate=RequestRate(per_second=0.001, burst=3)) as client:
            for _ in range(3):
                await client.raw("GET", "/x")
            assert len(server.asked("HEAD", "/livez/ping")) == 1
            if fair:
                await asyncio.wait_for(client.raw("GET", "/x"), 10)
            else:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(client.raw("GET", "/x"), 0.1)
                assert len(server.asked("GET", "/x")) == 3


async def test_the_token_bucket_lets_a_burst_through_and_then_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("fluxkit.kube.throttle.asyncio.sleep", sleep)
    bucket = TokenBucket(RequestRate(per_second=0.001, burst=5))
    for _ in range(7):
        await bucket.acquire()
    assert [round(seconds, -2) for seconds in waited] == [1000, 2000]
