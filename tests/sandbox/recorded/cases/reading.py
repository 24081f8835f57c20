"""Lists, selectors, pages, renderings, discovery."""

from tests.sandbox.recorded.cases.common import (
    CM,
    DEPLOY,
    INGRESS,
    JOB,
    NS,
    POD,
    SECRET,
    SVC,
    cm,
    deployment,
    job,
    obj,
    pod,
    service,
)
from tests.sandbox.recorded.steps import case, delete, get, post

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
PARTIALS = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"

_THREE = tuple(post(CM, cm(name, labels={"n": name, "all": "yes"})) for name in "abc")


def _table(name: str, path: str, body: object, one: str):
    return case(
        f"table of {name}",
        post(path, body),
        get(path, accept=TABLE),
        get(f"{path}/{one}", accept=TABLE, includeObject="None"),
    )


CASES = (
    case("empty lists", get(CM), get(DEPLOY), get("/api/v1/namespaces/nowhere/configmaps")),
    case("list", *_THREE, get(CM)),
    case(
        "label selectors",
        *_THREE,
        *(
            get(CM, labelSelector=text, pick="items")
            for text in (
                "n=a",
                "n==a",
                "n!=a",
                "n in (a,b)",
                "n notin (a,b)",
                "n",
                "!n",
                "none",
                "!none",
                "n=a,all=yes",
                "all=yes,n in (b,c)",
            )
        ),
    ),
    case(
        "bad label selectors",
        *(
            get(CM, labelSelector=text)
            for text in ("n=a b", "n in a", "=a", "n=a,", "n in (a", "n>x", "a/b/c=d", "n=" + "a" * 64)
        ),
    ),
    case(
        "field selectors",
        *_THREE,
        *(
            get(CM, fieldSelector=text, pick="items")
            for text in (
                "metadata.name=a",
                "metadata.name!=a",
                "metadata.namespace={ns}",
                "metadata.name=a,metadata.namespace=x",
            )
        ),
    ),
    case(
        "bad field selectors",
        *(
            get(CM, fieldSelector=text)
            for text in ("data.k=1", "metadata.labels=x", "metadata.name", "=", "metadata.name=a=b")
        ),
    ),
    case(
        "field selectors of kinds",
        post(SECRET, obj("v1", "Secret", "s", type="example.com/x")),
        get(SECRET, fieldSelector="type=example.com/x", pick="items.0.metadata.name"),
        get(SECRET, fieldSelector="type=Opaque"),
        get(POD, fieldSelector="status.phase=Running", pick="items"),
        get(POD, fieldSelector="spec.nope=1"),
        get(DEPLOY, fieldSelector="spec.replicas=1"),
    ),
    case(
        "pages",
        *_THREE,
        get(CM, limit=2),
        get(CM, limit=2, **{"continue": "{continue:3}"}),
        get(CM, limit=3),
        get(CM, limit=1, labelSelector="all=yes"),
        get(CM, limit="x"),
        get(CM, limit=-1, pick="items.0.metadata.name"),
    ),
    case(
        "bad pages",
        get(CM, **{"continue": "nonsense"}),
        get(CM, limit=1, **{"continue": "nonsense"}),
        get(CM, resourceVersionMatch="Exact"),
        get(CM, resourceVersionMatch="Some", resourceVersion="1"),
        get(CM, resourceVersionMatch="Exact", resourceVersion="0"),
        get(CM, resourceVersion="abc"),
        get(CM, resourceVersionMatch="NotOlderThan", resourceVersion="0", pick="kind"),
    ),
    case(
        "get at versions", post(CM, cm("a")), get(f"{CM}/a", resourceVersion="0"), get(f"{CM}/a", resourceVersion="abc")
    ),
    case(
        "watch that is refused",
        get(CM, watch="true", resourceVersion="abc"),
        get(CM, watch="true", resourceVersionMatch="Exact"),
        get(CM, watch="true", sendInitialEvents="true"),
    ),
    case("partial", *_THREE[:1], get(f"{CM}/a", accept=PARTIAL), get(CM, accept=PARTIALS)),
    case(
        "accept",
        get(CM, accept="text/plain"),
        get(CM, accept="application/json;as=Table;v=v9;g=meta.k8s.io"),
        get(CM, accept="*/*", pick="kind"),
    ),
    _table("configmaps", CM, cm("a", {"k": "1"}), "a"),
    _table("deployments", DEPLOY, deployment(), "web"),
    _table("services", SVC, service(), "web"),
    _table("secrets", SECRET, obj("v1", "Secret", "s", stringData={"a": "b"}), "s"),
    _table("jobs", JOB, job(), "j"),
    _table("pods", POD, pod(), "p"),
    _table(
        "ingresses",
        INGRESS,
        obj(
            "networking.k8s.io/v1",
            "Ingress",
            "i",
            spec={"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}},
        ),
        "i",
    ),
    _table("service accounts", f"{NS}/serviceaccounts", obj("v1", "ServiceAccount", "sa"), "sa"),
    case("table of namespaces", get(f"{NS}", accept=TABLE)),
    case("table of a missing object", get(f"{CM}/none", accept=TABLE)),
    case(
        "discovery",
        get("/api"),
        get("/api/v1"),
        get("/apis/apps/v1"),
        get("/apis/apps"),
        get("/apis/batch/v1"),
        get("/apis/apiextensions.k8s.io/v1"),
        get("/apis/authorization.k8s.io/v1"),
        get("/apis/networking.k8s.io/v1"),
        get("/apis/policy/v1"),
        get("/apis/rbac.authorization.k8s.io/v1"),
    ),
    case(
        "aggregated discovery",
        get(
            "/apis",
            accept="application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
            pick="kind",
        ),
        get("/api", accept="application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"),
    ),
    case("health", get("/readyz"), get("/livez"), get("/healthz")),
    case(
        "errors of deletion",
        delete(f"{DEPLOY}/none"),
        delete(f"{SVC}/none"),
        delete("/api/v1/namespaces/none"),
        delete(f"{NS}/nothings/x"),
    ),
)
