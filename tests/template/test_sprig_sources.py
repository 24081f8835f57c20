"""Clock and randomness come from outside; everything else about the table of functions."""

import random
import time
from collections.abc import Iterator

import pytest

from fluxkit.template import Template
from fluxkit.template.sprig import functions

OF_THE_CHART_ENGINE = 4
"""include, tpl, required, lookup."""

SEEDED = """
{{ now | date "2006-01-02T15:04:05" }} {{ ago (int64 0) }} {{ htmlDate "no time" }}
{{ randAlphaNum 20 }} {{ randAlpha 5 }} {{ randNumeric 5 }} {{ randAscii 9 | b64enc }} {{ randBytes 7 }}
{{ randInt 3 90 }}
{{ shuffle "abcdefghijkl" }} {{ uuidv4 }} {{ bcrypt "x" }} {{ htpasswd "u" "p" }} {{ encryptAES "k" "text" }}
{{ genPrivateKey "ecdsa" }}{{ genPrivateKey "ed25519" }}
"""


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _rendered(template: str, seed: int) -> str:
    table = functions(now=lambda: 1_700_000_000_123_456_789, random=random.Random(seed).randbytes)
    return Template("t").funcs(table).parse(template).execute(None)


@pytest.mark.contract("TPL-129", "TPL-162")
def test_every_function_of_helm_is_there_and_no_other() -> None:
    names = functions()
    assert len(names) + OF_THE_CHART_ENGINE == 233
    assert not {"env", "expandenv", "include", "tpl", "required", "lookup"} & set(names)


@pytest.mark.contract("TPL-163", "TPL-199", "TPL-201")
def test_a_seed_repeats_every_result() -> None:
    assert _rendered(SEEDED, 7) == _rendered(SEEDED, 7)
    assert _rendered(SEEDED, 7) != _rendered(SEEDED, 8)


@pytest.mark.contract("TPL-163")
def test_a_seed_repeats_rsa_keys_and_certificates() -> None:
    template = '{{ $ca := genCA "ca" 365 }}{{ $ca.Cert }}{{ $ca.Key }}'
    assert _rendered(template, 1) == _rendered(template, 1)


@pytest.mark.contract("TPL-250", "TPL-251")
def test_the_clock_is_the_given_one() -> None:
    assert _rendered('{{ now | date "2006-01-02 15:04:05.000000000" }}', 1) == "2023-11-14 22:13:20.123456789"
    # A float64, as numbers from values are, is not taken as a time.
    assert (
        _rendered('{{ date "2006" 5.0 }} {{ date "2006" (int64 5) }} {{ ago (int64 1700000000) }}', 1) == "2023 1970 0s"
    )


def test_random_texts_draw_from_their_alphabets() -> None:
    assert set(_rendered("{{ randNumeric 500 }}", 1)) == set("0123456789")
    numbers = _rendered("{{ range until 200 }}{{ randInt 2 5 }} {{ end }}", 1).split()
    assert {int(number) for number in numbers} == {
        2,
        3,
        4,
    }
    assert sorted(_rendered('{{ shuffle "abc" }}', 1)) == ["a", "b", "c"]


@pytest.mark.contract("TPL-216")
def test_an_empty_range_has_no_random_number() -> None:
    with pytest.raises(ValueError, match="invalid argument to Intn"):
        _rendered("{{ randInt 5 5 }}", 1)
