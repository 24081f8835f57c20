"""Watch streams, lists at versions, and what is left of both after compaction."""

from typing import Any

from tests.sandbox.recorded.cases.common import CM, DEPLOY, NS, SECRET, cm, deployment, obj
from tests.sandbox.recorded.cases.custom import CRDS as DEFINITIONS
from tests.sandbox.recorded.cases.custom import WIDGETS, definition, spec, widget
from tests.sandbox.recorded.cases.reading import PARTIAL, TABLE
from tests.sandbox.recorded.steps import case, compact, delete, get, merge, post, until, watch

A = f"{CM}/a"
INITIAL = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
OLD = {"resourceVersion": "{rv:0}"}
_CONTINUED = {"continue": "{continue:3}"}

EVENTS = f"{NS}/events"


def _event(name: str) -> dict[str, Any]:
    about = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "namespace": "{ns}"}
    return obj("v1", "Event", name, involvedObject=about, reason="Test", message="m", type="Normal")


_THREE = tuple(post(CM, cm(name, {"k": "1"}, labels={"n": name})) for name in "abc")
_LIFE = (
    post(CM, cm("a", {"k": "1"})),
    merge(A, {"data": {"k": "2"}}),
    merge(A, {"metadata": {"labels": {"n": "a"}}}),
    post(CM, cm("b", labels={"n": "b"})),
    merge(A, {"metadata": {"labels": {"n": "c"}}}),
    delete(A),
    post(CM, cm("z", labels={"n": "a"})),
)

CASES = (
    case("watch: from a version", *_LIFE, watch(CM, 6, **OLD)),
    case("watch: resumed", *_LIFE, watch(CM, 3, **OLD), watch(CM, 3, resourceVersion="{rv:7}")),
    case("watch: labels come and go", *_LIFE, watch(CM, 3, labelSelector="n=a", **OLD)),
    case("watch: labels that are absent", *_LIFE, watch(CM, 3, labelSelector="!n", **OLD)),
    case("watch: one name", *_LIFE, watch(CM, 1, fieldSelector="metadata.name=z", **OLD)),
    case("watch: one object", *_LIFE, watch(A, 4, **OLD)),
    case("watch: old path", *_LIFE, watch("/api/v1/watch/namespaces/{ns}/configmaps", 2, **OLD)),
    case("watch: partial", *_LIFE, watch(CM, 6, accept=PARTIAL, **OLD)),
    case("watch: table", *_LIFE, watch(CM, 6, accept=TABLE, **OLD)),
    case("watch: table with objects", *_LIFE, watch(CM, 2, accept=TABLE, includeObject="Object", **OLD)),
    case("watch: without a version", *_THREE, watch(CM, 3)),
    case("watch: at any version", *_THREE, watch(CM, 3, resourceVersion="0")),
    case("watch: initial events", *_THREE, watch(CM, 4, **INITIAL)),
    case("watch: initial events at a version", *_THREE, watch(CM, 4, resourceVersion="{rv:1}", **INITIAL)),
    case("watch: initial events of some", *_THREE, watch(CM, 2, labelSelector="n=b", **INITIAL)),
    case("watch: initial events of none", *_THREE, watch(CM, 1, labelSelector="n=x", **INITIAL)),
    case("watch: initial events, partial", *_THREE, watch(CM, 4, accept=PARTIAL, **INITIAL)),
    case("watch: initial events, table", *_THREE, watch(CM, 4, accept=TABLE, **INITIAL)),
    case(
        "watch: resumed at the bookmark",
        watch(CM, 1, **INITIAL),
        *_LIFE[:2],
        watch(CM, 2, resourceVersion="{rv:0}"),
    ),
    case(
        "watch: no initial events",
        *_THREE,
        merge(A, {"data": {"k": "2"}}),
        watch(CM, 1, sendInitialEvents="false", resourceVersionMatch="NotOlderThan", resourceVersion="{rv:2}"),
    ),
    case(
        "watch: options that do not fit",
        watch(CM, 1, sendInitialEvents="true", resourceVersionMatch="Exact", resourceVersion="1"),
        watch(CM, 1, sendInitialEvents="x"),
        watch(CM, 1, resourceVersionMatch="NotOlderThan", resourceVersion="1"),
        get(CM, sendInitialEvents="true"),
        watch(CM, 1, labelSelector="a b"),
        watch(CM, 1, fieldSelector="data.x=1"),
    ),
    case("watch: ends", watch(CM, 1, timeoutSeconds="1")),
    case(
        "watch: a deployment",
        post(DEPLOY, deployment()),
        merge(f"{DEPLOY}/web", {"spec": {"replicas": 2}}),
        merge(f"{DEPLOY}/web/status", {"status": {"replicas": 2}}),
        delete(f"{DEPLOY}/web", pick="status"),
        watch(DEPLOY, 3, **OLD),
    ),
    case(
        "watch: finalizers",
        post(CM, cm("a", finalizers=["example.com/hold"])),
        delete(A),
        merge(A, {"metadata": {"finalizers": None}}),
        watch(CM, 2, **OLD),
    ),
    case(
        "watch: secrets of a type",
        post(SECRET, obj("v1", "Secret", "a", type="example.com/x")),
        post(SECRET, obj("v1", "Secret", "b")),
        post(SECRET, obj("v1", "Secret", "c", type="example.com/x")),
        delete(f"{SECRET}/c", pick="status"),
        watch(SECRET, 2, fieldSelector="type=example.com/x", **OLD),
    ),
    case(
        "watch: custom resources",
        post(DEFINITIONS, definition(spec(f={"type": "string"})), pick="kind"),
        until(WIDGETS),
        post(WIDGETS, widget(f="1")),
        merge(f"{WIDGETS}/w", {"spec": {"f": "2"}}),
        delete(f"{WIDGETS}/w", pick="status"),
        watch(WIDGETS, 2, resourceVersion="{rv:2}"),
        watch(WIDGETS, 1, resourceVersion="{rv:3}", accept=TABLE),
        watch(WIDGETS, 1, **INITIAL),
    ),
    case(
        "watch: too old",
        post(DEFINITIONS, definition(spec(f={"type": "string"})), pick="kind"),
        until(WIDGETS),
        post(WIDGETS, widget(f="1")),
        merge(f"{WIDGETS}/w", {"spec": {"f": "2"}}),
        compact(),
        watch(WIDGETS, 1, resourceVersion="1"),
        watch(WIDGETS, 1, resourceVersion="1", accept=TABLE),
    ),
    case(
        "lists at versions",
        *_THREE,
        merge(A, {"data": {"k": "2"}}),
        delete(f"{CM}/b", pick="status"),
        get(CM, resourceVersion="{rv:2}", resourceVersionMatch="Exact"),
        get(CM, resourceVersion="{rv:1}", resourceVersionMatch="Exact", limit="1"),
        get(CM, resourceVersion="{rv:2}", resourceVersionMatch="NotOlderThan"),
        get(CM, resourceVersion="{rv:2}"),
        get(CM, resourceVersion="{rv:2}", limit="1"),
        get(CM, resourceVersion="0", limit="1", pick="items.0.metadata.name"),
        get(CM, resourceVersion="999999999"),
        get(CM, resourceVersion="999999999", resourceVersionMatch="Exact"),
        get(A, resourceVersion="999999999"),
        get(CM, resourceVersion="{rv:2}", resourceVersionMatch="Exact", labelSelector="n=b"),
    ),
    case(
        "pages stay consistent",
        *_THREE,
        get(CM, limit="1"),
        merge(A, {"data": {"k": "2"}}),
        delete(f"{CM}/b", pick="status"),
        post(CM, cm("d")),
        get(CM, limit="1", **_CONTINUED),
        get(CM, limit="5", **_CONTINUED),
        get(CM, **_CONTINUED),
        get(CM, limit="1", resourceVersion="{rv:0}", **_CONTINUED),
        get(CM, limit="1", resourceVersion="0", **_CONTINUED),
        get(CM, limit="1", resourceVersionMatch="Exact", resourceVersion="{rv:0}", **_CONTINUED),
        get(CM, limit="1", labelSelector="n=c", **_CONTINUED),
    ),
    case(
        "pages of tables",
        *_THREE,
        get(CM, limit="2", accept=TABLE),
        get(CM, accept=TABLE, **_CONTINUED),
        get(CM, limit="2", accept=PARTIAL.replace("Metadata;", "MetadataList;")),
    ),
    case(
        # Upstream answers about Events from etcd, about all else from memory, which keeps some minutes.
        "pages that expired",
        *(post(EVENTS, _event(name), pick="kind") for name in "abc"),
        get(EVENTS, limit="1", pick="metadata.remainingItemCount"),
        delete(f"{EVENTS}/b", pick="status"),
        compact(),
        get(EVENTS, limit="1", **_CONTINUED),
        get(EVENTS, limit="1", pick="items.0.metadata.name", **{"continue": "{continue:6}"}),
        get(EVENTS, limit="1", resourceVersion="{rv:0}", resourceVersionMatch="Exact"),
        get(EVENTS, resourceVersion="{rv:0}", resourceVersionMatch="Exact"),
    ),
    case(
        "watch: a namespace",
        merge(NS, {"metadata": {"labels": {"a": "b"}}}),
        watch("/api/v1/namespaces", 1, fieldSelector="metadata.name={ns}"),
        watch(NS, 1),
    ),
)
