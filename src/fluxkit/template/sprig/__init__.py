"""The functions that Helm gives to templates: sprig's without ``env`` and ``expandenv``, and Helm's conversions.

Promises: upstream's results byte for byte, with Go's own behaviour behind them (RE2, time layouts, number parsing and
printing, JSON, YAML and TOML layouts), and upstream's error texts. One module for each family; the tables at their ends
name every function with its Go signature.

Refuses: the environment, the network and the file system, except for the system's zone information and key generation;
clock and randomness come in through :func:`functions`. A single call cannot produce a text or list beyond
:mod:`fluxkit.template.sprig.limits`. ``include``, ``tpl``, ``required`` and ``lookup`` belong to the chart engine.

Differs from upstream in the texts of rare TOML errors and of malformed keys and certificates; in ``keys`` and
``values``, which come in byte order; in certificates that would end before they begin, which are refused.

Upstream: Masterminds/sprig v3.3.0, helm/helm ``pkg/engine/funcs.go``.
"""

import os
import time
from collections.abc import Callable
from typing import Any, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.functions import Function
from fluxkit.template.sprig import (
    certificates,
    crypto,
    dates,
    defaults,
    dicts,
    durations,
    encoding,
    json,
    lists,
    network,
    numbers,
    paths,
    randomness,
    reflection,
    regex,
    semver,
    strings,
    toml,
    urls,
    yaml,
)
from fluxkit.template.sprig.gotime import LOCAL, Time
from fluxkit.template.sprig.randomness import RandomBytes

__all__ = ["RandomBytes", "functions", "hermetic_functions"]

_HELMS_OWN: Final = frozenset(
    (
        "toYaml", "mustToYaml", "toYamlPretty", "fromYaml", "fromYamlArray", "toToml", "mustToToml", "fromToml",
        "fromJsonArray", "mustToDuration", "durationSeconds", "durationMilliseconds", "durationMicroseconds",
        "durationNanoseconds", "durationMinutes", "durationHours", "durationDays", "durationWeeks", "durationRoundTo",
        "durationTruncateTo",
    )
)  # fmt: skip
_NOT_REPEATABLE: Final = frozenset(
    (
        "date", "dateInZone", "date_in_zone", "date_modify", "dateModify", "now", "htmlDate", "htmlDateInZone",
        "randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "uuidv4", "getHostByName",
    )
)  # fmt: skip
"""What sprig itself takes out of its hermetic set, besides the functions that read the environment."""


def functions(*, now: Callable[[], int] = time.time_ns, random: RandomBytes = os.urandom) -> dict[str, Function]:
    """All functions by their names in templates.

    ``now`` gives the nanoseconds since the Unix epoch; ``random`` gives as many random bytes as it is asked for. With a
    fixed clock and a seeded source every result but that of ``genPrivateKey "dsa"`` can be repeated.
    """

    def moment() -> Time:
        seconds, nanoseconds = divmod(now(), 1_000_000_000)
        return Time(seconds, nanoseconds, LOCAL)

    return {
        **strings.FUNCTIONS,
        **numbers.FUNCTIONS,
        **defaults.FUNCTIONS,
        **lists.FUNCTIONS,
        **dicts.FUNCTIONS,
        **reflection.FUNCTIONS,
        **dates.functions(moment),
        **durations.FUNCTIONS,
        **regex.FUNCTIONS,
        **encoding.FUNCTIONS,
        **paths.FUNCTIONS,
        **urls.FUNCTIONS,
        **network.FUNCTIONS,
        **semver.FUNCTIONS,
        **json.FUNCTIONS,
        **yaml.FUNCTIONS,
        **toml.FUNCTIONS,
        **crypto.functions(random),
        **certificates.functions(moment, random),
        **randomness.functions(random),
    }


def hermetic_functions() -> dict[str, Function]:
    """The functions of plain sprig that need neither clock nor randomness: those of image update commit messages.

    ``fromJson`` gives whatever the text is, and nil for what is no JSON. Upstream: Masterminds/sprig
    (``HermeticTxtFuncMap``).
    """
    left_out = _HELMS_OWN | _NOT_REPEATABLE
    table = {name: function for name, function in functions().items() if name not in left_out}
    return {**table, "fromJson": Function(_from_json, ("string",))}


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except FunctionError:
        return None
