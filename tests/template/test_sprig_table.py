"""A table of templates with what Go makes of them: where the conformance kit covers a rule thinly."""

import time
from collections.abc import Iterator

import pytest

from tests.conformance.adapters_sprig import sprig

# fmt: off
RESULTS = [
    ('{{ camelcase "HTTP_SERVER x2y" }}', 'HttpServerX2y'),
    ('{{ snakecase "Bld4Floor3rdXMLHttp2xx" }}', 'bld4_floor_3rd_xml_http_2xx'),
    ('{{ kebabcase "a--b__C  日本3go" }}', 'a--b--c--日本-3go'),
    ('{{ title "o\'neil a_b é-x ß ǆ" }}', "O'Neil A_b É-X ß ǅ"),
    ('{{ swapcase "aB cD ß ǆ" }}', 'Ab Cd ß ǅ'),
    ('{{ upper "ß ŉ ﬁ ᾀ ǆ" }}', 'ß ŉ ﬁ ᾈ Ǆ'),
    ('{{ lower "İ ΑΣ" }}', 'i ασ'),
    ('{{ wrapWith 4 "|" "abcdefgh ij klmnop" }}', 'abcd|efgh|ij|klmn|op'),
    ('{{ wrap 5 "a bb ccc dddd eeeee fffffffff g" }}', 'a bb\nccc\ndddd\neeeee\nfffffffff\ng'),
    ('{{ abbrevboth 6 9 "abcdefghijklmnopqrst" }}', '...ghi...'),
    ('{{ b64dec "aGVs=bG8" }}', 'illegal base64 data at input byte 4'),
    ('{{ b32dec "NBSWY3D=" }}', 'hell'),
    ('{{ b32dec "nbsw" }}', 'illegal base32 data at input byte 0'),
    ('{{ int64 "-0x1F" }} {{ int64 "0o17" }} {{ int64 "1_000" }} {{ int64 "08" }} {{ int64 "5.00" }} {{ int64 "9223372036854775808" }}', '-31 15 1000 0 5 0'),  # noqa: E501
    ('{{ float64 "0x1p4" }} {{ float64 "1_0.5" }} {{ float64 "-0" }} {{ float64 "infinity" }} {{ float64 "0x10" }}', '16 10.5 -0 +Inf 0'),  # noqa: E501
    ('{{ add 9223372036854775807 1 }} {{ mul 4611686018427387904 2 }} {{ sub -9223372036854775808 1 }}', '-9223372036854775808 -9223372036854775808 9223372036854775807'),  # noqa: E501
    ('{{ div -7 2 }} {{ mod -7 2 }} {{ div -9223372036854775808 -1 }}', '-3 -1 -9223372036854775808'),
    ('{{ divf 1 3 }} {{ divf 2 3 }} {{ divf -1 3 }} {{ addf 0.1 0.2 }} {{ mulf 1.1 1.1 }} {{ subf 1 0.9 }}', '0.3333333333333333 0.6666666666666667 -0.3333333333333333 0.3 1.21 0.1'),  # noqa: E501
    ('{{ round -1.4 0 }} {{ round 2.675 2 }} {{ round 1.005 2 }} {{ round 123.555 1 0.6 }} {{ round 15 -1 }}', '-2 2.68 1 123.5 20'),  # noqa: E501
    ('{{ minf 0.0 (float64 "-0") }} {{ maxf 1 "NaN" }} {{ ceil -0.5 }}', '-0 NaN -0'),
    ('{{ (urlParse "http://u:p%40@[::1]:80/a%2Fb?x#f%20g").userinfo }} {{ urlJoin (urlParse "http://u:p%40@[::1]:80/a%2Fb?x#f%20g") }}', 'u:p%40 http://u:p%40@[::1]:80/a/b?x#f%20g'),  # noqa: E501
    ('{{ urlParse "a:b:c" }}', 'map[fragment: host: hostname: opaque:b:c path: query: scheme:a userinfo:]'),
    ('{{ regexReplaceAll "(?P<a>x)(y)?" "xxy" "[$a${2}$$$z]" }}', '[x$][xy$]'),
    ('{{ regexSplit "" "aéb" -1 | join "|" }} {{ regexSplit "x*" "axxb" 2 | join "|" }}', 'a|é|b a|b'),
    ('{{ regexFindAll "é?" "éaé" -1 | toJson }}', '["é","é"]'),
    ('{{ dateInZone "Mon Jan _2 15:04:05 -0700 MST 2006 __2" (int64 "1711846800") "Europe/Berlin" }}', 'Sun Mar 31 03:00:00 +0200 CEST 2024  91'),  # noqa: E501
    ('{{ dateInZone "2006-01-02 15:04 Z07:00 MST" (int64 "1711846799") "Europe/Berlin" }}', '2024-03-31 01:59 +01:00 CET'),  # noqa: E501
    ('{{ dateInZone "02.01.06 03:04PM -07:00:00 MST" (int64 "-2208988800") "Asia/Kathmandu" }}', '01.01.00 05:41AM +05:41:16 LMT'),  # noqa: E501
    ('{{ dateInZone "Januaryish 2nd _2006 _20 12" (int64 0) "UTC" }}', 'Januaryish 1nd _1970  10 11'),
    ('{{ mustToDate "02 Jan 06 15:04 MST" "02 Jan 68 15:04 GMT+3" }}', '2068-01-02 18:04:00 +0300 GMT+3'),
    ('{{ mustToDate "2006-002" "2024-366" }}', '2024-12-31 00:00:00 +0000 UTC'),
    ('{{ (toDate "2006-01-02" "2024-01-31").AddDate 0 1 0 }}', '2024-03-02 00:00:00 +0000 UTC'),
    ('{{ mustToDuration "1h2m3.000000004s" }} {{ durationRoundTo "-90s" "1m" }} {{ mustToDuration "-9223372036854775808ns" }}', '1h2m3.000000004s -2m0s -2562047h47m16.854775808s'),  # noqa: E501
    ('{{ merge (dict "a" 0 "b" (dict) "c" (list 1)) (dict "a" 2 "b" (dict "x" 1) "c" (list 2 3) "d" nil) | toJson }}', '{"a":2,"b":{"x":1},"c":[1]}'),  # noqa: E501
    ('{{ mergeOverwrite (dict "a" 1 "b" (dict "x" 1) "c" (list 1)) (dict "a" 0 "b" (dict) "c" (list) "d" nil) | toJson }}', '{"a":0,"b":{"x":1},"c":[],"d":null}'),  # noqa: E501
    ('{{ mergeOverwrite (dict "a" (dict "x" 1)) (dict "a" "s") | toJson }} {{ merge (dict "a" "s") (dict "a" (dict "x" 1)) | toJson }}', '{"a":"s"} {"a":"s"}'),  # noqa: E501
    ('{{ chunk 2 (list 1 2 3) | toJson }} {{ chunk 2 (list) | toJson }}', '[[1,2],[3]] []'),
    ('{{ slice (list 1 2 3) 1 "2" }} {{ slice (splitList "," "a,b,c") 1 | typeOf }}', '[2] []string'),
    ('{{ deepEqual (list "a") (splitList "," "a") }} {{ has 1 (list 1.0) }} {{ uniq (list 1 1.0 "1" 1) }}', 'false false [1 1 1]'),  # noqa: E501
    ('{{ toToml (dict "z" (dict "k" (list (dict "a" 1) (dict "b" 2.0))) "a b" true "t" (list 1 "x" (dict "q" 1))) }}', '"a b" = true\nt = [1, "x", {q = 1}]\n\n[z]\n\n  [[z.k]]\n    a = 1\n\n  [[z.k]]\n    b = 2.0\n'),  # noqa: E501
    (r'{{ toYaml (dict "a" (list (dict "b" "y\nz\n") (list 1 "") ) "k" "x: y" "n" "1e3") }}', 'a:\n- b: |\n    y\n    z\n- - 1\n  - ""\nk: \'x: y\'\n"n": "1e3"'),  # noqa: E501
    (r'{{ toYamlPretty (dict "a" (list (dict "b" "y\nz\n") (list 1 "") ) "k" 1000000.0 "n" "1e3" "d" (mustToDuration "1m") "t" (toDate "2006" "2020")) }}', 'a:\n  - b: |\n      y\n      z\n  - - 1\n    - ""\nd: 1m0s\nk: 1e+06\n"n": "1e3"\nt: 2020-01-01T00:00:00Z'),  # noqa: E501
    (r'{{ toRawJson (dict "a" "<é\u2028\x01\x7f>" "f" 1e21 "g" 1e-7 "h" 123456789.5) }}', '{"a":"<é\\u2028\\u0001\x7f>","f":1e+21,"g":1e-7,"h":123456789.5}'),  # noqa: E501
    ('{{ (semver "1.2.3-rc.1+x").IncMinor }} {{ (semver "v1.2").Original }} {{ typeOf ((semver "1.2.3").IncMajor) }} {{ printf "%T" (semver "1").Major }}', '1.3.0 v1.2 semver.Version uint64'),  # noqa: E501
    ('{{ derivePassword 3 "maximum" "pw" "usér" "site" }}', 'QKBPdfhElZgVY7uxwe8&'),
    ('{{ seq 0 }} {{ seq 5 -2 0 }} {{ seq 2 2 9 }} {{ untilStep 5 0 -2 }} {{ until -3 }}', '1 0 5 3 1 2 4 6 8 [5 3 1] [0 -1 -2]'),  # noqa: E501
    ('{{ cat "" nil 1 (list "a" 1) }} {{ quote "é\\x7f" 1e6 nil }} {{ squote \'a\' "it\'s" }}', ' 1 [a 1] "é\\x7f" "1e+06" \'97\' \'it\'s\''),  # noqa: E501
    ('{{ splitn "," 2 "a,b,c" }} {{ (split "." "a.b")._5 }} {{ splitList "" "aé" | toJson }}', 'map[_0:a _1:b,c]  ["a","é"]'),  # noqa: E501
    ('{{ substr -1 2 "héllo" | quote }} {{ trunc -2 "aé" | quote }} {{ nospace "é a" }} {{ initials "él ça" }}', r'"h\xc3" "é" Ã©a ÃÃ'),  # noqa: E501
]
ERRORS = [
    ('{{ urlParse "http://a:b/" }}', 'error calling urlParse: unable to parse url: parse "http://a:b/": invalid port ":b" after host'),  # noqa: E501
    ('{{ urlParse "http://h/%zz" }}', 'error calling urlParse: unable to parse url: parse "http://h/%zz": invalid URL escape "%zz"'),  # noqa: E501
    ('{{ urlParse "1a:b" }}', 'error calling urlParse: unable to parse url: parse "1a:b": first path segment in URL cannot contain colon'),  # noqa: E501
    ('{{ mustRegexMatch "(?i)(?<=x)y" "" }}', 'error calling mustRegexMatch: error parsing regexp: invalid named capture: `(?<=x)y`'),  # noqa: E501
    (r'{{ mustRegexMatch "\\C" "" }}', r"error calling mustRegexMatch: error parsing regexp: invalid escape sequence: `\C`"),  # noqa: E501
    (r'{{ mustRegexMatch "a\\" "" }}', 'error calling mustRegexMatch: error parsing regexp: trailing backslash at end of expression: ``'),  # noqa: E501
    ('{{ mustToDate "2006-01-02" "2023-02-29" }}', 'error calling mustToDate: parsing time "2023-02-29": day out of range'),  # noqa: E501
    ('{{ mustToDate "15:04:05" "24:00:00" }}', 'error calling mustToDate: parsing time "24:00:00": hour out of range'),
    ('{{ mustToDate "Jan 2" "foo 2" }}', 'error calling mustToDate: parsing time "foo 2" as "Jan 2": cannot parse "foo 2" as "Jan"'),  # noqa: E501
    ('{{ mustToDate "2006-01-02" "2024-01-01 x" }}', 'error calling mustToDate: parsing time "2024-01-01 x": extra text: " x"'),  # noqa: E501
    ('{{ mustToDuration "9223372036854775808ns" }}', 'error calling mustToDuration: could not parse duration "9223372036854775808ns"'),  # noqa: E501
    ('{{ mustDateModify "5 min" (toDate "2006" "2020") }}', 'error calling mustDateModify: time: unknown unit " min" in duration "5 min"'),  # noqa: E501
    ('{{ dig "a" "b" "def" (dict "a" 5) }}', 'error calling dig: interface conversion: interface {} is int, not map[string]interface {}'),  # noqa: E501
    ('{{ dig "a" "b" "def" (dict "a" nil) }}', 'error calling dig: interface conversion: interface {} is nil, not map[string]interface {}'),  # noqa: E501
]
# fmt: on


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("template", "expected"), RESULTS)
def test_gives_what_go_gives(template: str, expected: str) -> None:
    assert sprig(template, None) == expected


@pytest.mark.parametrize(("template", "message"), ERRORS)
def test_fails_as_go_fails(template: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        sprig(template, None)
    assert str(caught.value).endswith(message)
