"""Where the sandbox differs from the recorded server, and why that may stay."""

__all__ = ["DIFFERENCES", "RANDOM"]

RANDOM = "the choice is random in Go"
"""The reason of differences that are not always there, when a real server is asked again."""

_GO = "the words of Go's and upstream's decoders about a body of the wrong shape; the status code is the same"
_DUMP = "upstream shows Go's internal structs, or a diff of them; the sandbox shows the API's JSON, or nothing"
_PROTECTION = "the protection finalizers need controllers that take them off again; the sandbox has none"
_ZERO = "Go writes empty members of some structs as null or zero; no client tells that from their absence"
_UNJUDGED = "rare mistakes in rarely written fields, which the sandbox does not judge"
_TWICE = "upstream tells the same problem a second time"
_QUERY = "the words about a malformed query parameter"
_SETUP = "depends on how the servers were started: addresses, address ranges, admission of privileged Pods"
_QUIET = "upstream stores a new version although nothing changed but its own bookkeeping; the sandbox stays quiet"
_DUPLICATES = (
    "the sandbox's JSON decoder takes the last of duplicate members silently; fluxkit refuses them in manifests"
)
_WARNINGS = "warnings about discouraged use, beside a success, are not given"
_MEDIA = "the sandbox reads, but does not write, protocol buffers, and names what it knows"
_CONTROLLERS = "the status of built-in kinds is not judged: controllers write it"
_NUMBERING = "the numbering of versions follows an earlier answer"
_AUTOSCALER = "the status of an autoscaler is its controller's affair"

DIFFERENCES: dict[str, dict[int, str]] = {
    "GitRepository: status": {2: "upstream names the field of a message from the status down, on the status endpoint"},
    "accept": dict.fromkeys((0, 1), _MEDIA),
    "aggregated discovery": {1: "upstream leaves the version of the core group's kinds out"},
    "apply: a job": {1: _QUIET, 2: _DUMP},
    "apply: a pod": {2: _DUMP},
    "apply: a role": {2: _ZERO},
    "apply: a secret": {4: "upstream fails with 500 about data that is not base64, the sandbox with 400"},
    "apply: another version of a kind": {0: _AUTOSCALER},
    "apply: duplicate keys": {2: "upstream lets one container without a name pass as far as validation"},
    "apply: refused": {1: _GO, 2: _GO, 11: "Go's syntax for a list"},
    "autoscaler defaults": dict.fromkeys((0, 1), _AUTOSCALER),
    "bad field selectors": {3: _QUERY, 4: _QUERY},
    "bad labels": {6: _TWICE},
    "bad pages": dict.fromkeys((0, 1), _QUERY),
    "bind": {
        **dict.fromkeys((3, 4, 5), _ZERO),
        6: "the answer to a deletion without grace shows the grace period that the Pod had",
    },
    "budget: rules": {1: _DUMP},
    "claim defaults": {0: _PROTECTION, 1: _DUMP},
    "create of a wrong type": {4: _GO},
    "create of nonsense": dict.fromkeys((0, 1, 2, 3), _GO),
    "create with generateName": {1: "the refused name is random"},
    "cronjob: rules": {3: "the words of upstream's schedule parser"},
    "custom: bad names and metadata": {
        7: _GO,
    },
    "custom: integers": {4: _TWICE},
    "definition: schemas with errors": {
        1: "the words of RE2 about a pattern",
        2: _TWICE,
    },
    "definitions: parts that are refused": {14: _WARNINGS},
    "delete kinds": {5: "a Pod that nothing holds is gone at once, without a deletion timestamp in the answer"},
    "deployment: containers": {5: "the tag of an image that starts with a blank"},
    "deployment: pod": {4: _WARNINGS, 8: _WARNINGS},
    "deployment: security": {1: _SETUP, 2: "the numbering follows the second answer"},
    "discovery": {0: _SETUP},
    "duplicate fields": dict.fromkeys((0, 1, 2, 3), _DUPLICATES),
    "event": {0: _ZERO, 1: _ZERO, 2: _UNJUDGED},
    "field validation of a deployment": {2: RANDOM},
    "immutable: claim": {0: _PROTECTION, 1: _PROTECTION, 2: _DUMP, 3: _PROTECTION},
    "immutable: job": dict.fromkeys((1, 4, 6), _DUMP),
    "immutable: job that is not suspended": {1: _DUMP},
    "immutable: pod": dict.fromkeys((1, 3), _DUMP),
    "immutable: statefulset": {4: _DUMP},
    "immutable: service": dict.fromkeys((5, 6), _UNJUDGED),
    "ingress: rules": {14: _ZERO},
    "json patch refused": {7: _GO},
    "merge patch refused": dict.fromkeys((1, 2), _GO),
    "names of fields in another case": {0: "a refusal carries no warnings about unknown fields"},
    "quota and limits: rules": dict.fromkeys((0, 1, 2), _UNJUDGED),
    "role bindings stand": {3: "an absent roleRef is not completed before it is refused"},
    "role rules": {3: _ZERO},
    "scale": dict.fromkeys((2, 3, 5), _QUIET),
    "secret: data": {3: "Go's name of the type of bytes"},
    "service: types": {3: _SETUP, 6: "a dry run checks ports too", 9: "the numbering follows the seventh answer"},
    "status: kinds": {2: _CONTROLLERS, 6: _CONTROLLERS, **dict.fromkeys((3, 5, 7, 8, 10, 11), _NUMBERING)},
    "strategic: refused": {
        **dict.fromkeys((1, 2), "upstream shows the patch in Go's syntax, the sandbox in Python's"),
        **dict.fromkeys((3, 4, 5, 6), _GO),
    },
    "table of daemonsets.apps/v1": {1: "upstream's tables show metadata before it is converted"},
    "table of definitions": {0: "the sandbox does not carry upstream's documentation"},
    "table of persistentvolumeclaims.v1": {1: _PROTECTION},
    "table of persistentvolumes.v1": {1: _PROTECTION},
    "table of volumeattributesclasses.storage.k8s.io/v1": {1: _PROTECTION},
    "unknown paths": {0: "/api/v2 is no path of a resource"},
    "volume defaults": {0: _PROTECTION},
    "warnings about pods": {0: _WARNINGS, 1: _UNJUDGED, 2: _WARNINGS, 3: _WARNINGS},
    "watch that is refused": dict.fromkeys((0, 1), _QUERY),
}
"""By case and number of the answer."""
