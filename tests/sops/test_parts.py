"""The parts: secret sharing, age files, rules, encrypted values, flat metadata."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxkit.sops import MasterKeyError, Rules, SopsError, age, cipher, shamir
from fluxkit.sops.age import bech32
from fluxkit.sops.flatten import flatten, unflatten
from fluxkit.sops.tree import Branch
from fluxkit.sops.values import Comment, Timestamp, float_text
from tests.sops.fixture import Case, key

SHARED = bytes(range(32))


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.integers(2, 6), st.integers(0, 3))
def test_any_quorum_recovers_the_secret(secret: bytes, threshold: int, more: int) -> None:
    shares = shamir.split(secret, threshold + more, threshold)
    for quorum in itertools.islice(itertools.combinations(shares, threshold), 5):
        assert shamir.combine(quorum) == secret


def test_too_few_shares_tell_nothing() -> None:
    shares = shamir.split(SHARED, 5, 3)
    assert shamir.combine(shares[:2]) != SHARED
    for wrong in ([], shares[:1], [shares[0], shares[0]], [shares[0], shares[1][:-1]], [b"x", b"y"]):
        with pytest.raises(SopsError):
            shamir.combine(wrong)
    for parts, threshold in ((1, 1), (2, 3), (256, 2)):
        with pytest.raises(SopsError):
            shamir.split(SHARED, parts, threshold)


@pytest.mark.contract("KUS-122")
@pytest.mark.parametrize("name", ["age.agekey", "age-hybrid.agekey"])
@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 200_000])
def test_age_files(name: str, size: int) -> None:
    recipient = next(line.split()[-1] for line in key(name).splitlines() if "public key" in line)
    plain = bytes(size)
    armored = age.encrypt(plain, [age.parse_recipient(recipient)])
    assert age.decrypt(armored, age.parse_identities(key(name))) == plain
    with pytest.raises(MasterKeyError, match="did not match any of the recipients"):
        age.decrypt(armored, age.parse_identities(key("age-other.agekey")))


def armored(name: str = "yaml") -> str:
    _, metadata = Case(name).format.load(Case(name).encrypted)
    return metadata.groups[0][0].encrypted


def test_age_files_that_were_tampered_with() -> None:
    text, identities = armored(), age.parse_identities(key("age.agekey"))
    lines = text.splitlines()
    assert len(age.decrypt(text, identities)) == 32
    spoiled = [
        "",
        "no armor",
        "\n".join(lines[:-1]),
        "\n".join([lines[0], lines[-1]]),
        "\n".join([*lines[:2], lines[2][:-1], *lines[3:]]),
        "\n".join([*lines[:2], *lines[3:]]),
        text.replace(lines[-2], lines[-2][::-1]),
    ]
    for each in spoiled:
        with pytest.raises(MasterKeyError):
            age.decrypt(each, identities)
    with pytest.raises(MasterKeyError, match="no identity matched"):
        age.decrypt(text, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "unknown identity type"),
        ("AGE-PLUGIN-YUBIKEY-1X", "plugins are not supported"),
        ("AGE-SECRET-KEY-1" + "Q" * 58, "malformed secret key: invalid checksum"),
        (bech32.encode("AGE-SECRET-KEY-", b"short"), "invalid X25519 secret key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nxx\n-----END OPENSSH PRIVATE KEY-----\n", "malformed SSH identity"),
    ],
)
def test_identities_that_are_none(text: str, problem: str) -> None:
    with pytest.raises(MasterKeyError, match=problem) as caught:
        age.parse_identities(text)
    assert text not in str(caught.value)
    assert age.parse_identities("# only\n\n# comments\n") == []


@given(st.binary(max_size=60))
def test_bech32(data: bytes) -> None:
    for prefix in ("age", "AGE-SECRET-KEY-"):
        assert bech32.decode(bech32.encode(prefix, data)) == (prefix, data)


@settings(max_examples=50, deadline=None)
@given(
    st.text(min_size=1)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.builds(Comment, st.text(min_size=1))
    | st.just(Timestamp("2001-12-14T00:00:00Z"))
)
def test_encrypted_values(value: object) -> None:
    data_key = bytes(32)
    text = cipher.encrypt(value, data_key, b"a:b:")
    assert cipher.decrypt(text, data_key, b"a:b:") == value
    with pytest.raises(SopsError, match="message authentication failed"):
        cipher.decrypt(text, data_key, b"a:c:")
    with pytest.raises(SopsError, match="message authentication failed"):
        cipher.decrypt(text, bytes(31) + b"x", b"a:b:")


def test_floats_are_spelled_as_go_does() -> None:
    spelled = {1.0: "1", 0.1: "0.1", 1e21: "1" + "0" * 21, 1e-7: "0.0000001", -2.5: "-2.5", float("inf"): "+Inf"}
    assert {value: float_text(value) for value in spelled} == spelled


@pytest.mark.parametrize(
    ("rules", "path", "encrypted"),
    [
        (Rules(unencrypted_suffix="_open"), ("a", "b"), True),
        (Rules(unencrypted_suffix="_open"), ("a_open", "b"), False),
        (Rules(encrypted_suffix="_x"), ("a", "b_x", "c"), True),
        (Rules(encrypted_suffix="_x"), ("a",), False),
        (Rules(encrypted_regex="^data$"), ("data", "token"), True),
        (Rules(encrypted_regex="^data$"), ("metadata", "name"), False),
        (Rules(unencrypted_regex="^meta"), ("metadata", "name"), False),
        (Rules(encrypted_regex="("), ("anything",), False),
    ],
)
def test_rules(rules: Rules, path: tuple[str, ...], encrypted: bool) -> None:
    assert rules.encrypts(path, [[]], False) is encrypted


def test_comment_rules() -> None:
    rules = Rules(encrypted_comment_regex="enc")
    assert rules.encrypts(("a",), [["enc this"]], False)
    assert rules.encrypts(("a", "b"), [["enc this"], []], False), "all below, too"
    assert not rules.encrypts(("a",), [["enc this"]], True), "not the comment that says so"
    assert rules.encrypts(("a",), [["enc this", "and this"]], True)
    assert not Rules(unencrypted_comment_regex="open").encrypts(("a",), [["open"]], False)


KEYS = st.text("abc", min_size=1, max_size=3)


def branches(values: st.SearchStrategy[object]) -> st.SearchStrategy[Branch]:
    pairs = st.dictionaries(KEYS, values, min_size=1, max_size=3)
    return pairs.map(lambda each: Branch(sorted(each.items())))


NESTED = branches(
    st.recursive(st.text("xyz"), lambda each: st.lists(each, min_size=1, max_size=3) | branches(each), max_leaves=8)
)


@settings(max_examples=50, deadline=None)
@given(NESTED)
def test_flat_metadata(tree: Branch) -> None:
    assert unflatten(flatten(tree, "")) == tree


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "1"), ("a", "2")],
        [("a", "1"), ("a__map_b", "2")],
        [("a__list_1", "x")],
        [("a__list_0", "x"), ("a__map_b", "y")],
    ],
)
def test_flat_metadata_that_makes_no_tree(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(SopsError, match="unflattening"):
        unflatten(Branch(pairs))
