import pytest

from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL, DURATION, SLICE, RSABits, SourceRefType, relative_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("podinfo", ("GitRepository", "podinfo", "")),
        ("GitRepository/podinfo", ("GitRepository", "podinfo", "")),
        ("gitrepository/podinfo.flux-system", ("GitRepository", "podinfo", "flux-system")),
        ("OCIREPOSITORY/a.b.ns", ("OCIRepository", "a.b", "ns")),
        ("bucket/secrets", ("Bucket", "secrets", "")),
    ],
)
@pytest.mark.contract("CLI-026")
def test_source_references(text: str, expected: tuple[str, str, str]) -> None:
    assert SourceRefType().parse(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("GitRepository/", "no name given for source of kind 'GitRepository'"),
        ("Bucket", "no kind specified for source 'Bucket'"),
        ("HelmRepository/x", "source kind 'HelmRepository' is not supported, must be one of: OCIRepository, "
         "GitRepository, Bucket"),
        (" ", "no Kustomization source given, please specify"),
    ],
)  # fmt: skip
@pytest.mark.contract("CLI-026")
def test_source_references_that_are_none(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        SourceRefType().parse(text)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "./"),
        (".", "./"),
        ("./deploy/", "./deploy"),
        ("/deploy", "./deploy"),
        ("../x", "./x"),
        ("a/../../../b", "./b"),
        ("a\\b", "./a/b"),
    ],
)
@pytest.mark.contract("CLI-028")
def test_paths_cannot_leave_the_root(text: str, expected: str) -> None:
    assert relative_path(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("1", True), ("t", True), ("TRUE", True), ("false", False), ("F", False), ("0", False)]
)
def test_booleans_are_go_booleans(text: str, expected: bool) -> None:
    assert BOOL.parse(text) is expected


@pytest.mark.contract("CLI-021")
def test_a_value_that_does_not_parse_names_value_flag_and_reason() -> None:
    with pytest.raises(CommandError) as caught:
        DURATION.convert("soon", None, None)
    assert caught.value.message == 'invalid argument "soon" for "" flag: time: invalid duration "soon"'


@pytest.mark.parametrize(
    ("bits", "reason"), [("512", "must be at least 1024"), ("1025", "must be a multiples of 8"), ("x", "ParseInt")]
)
@pytest.mark.contract("CLI-022")
def test_rsa_sizes(bits: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        RSABits().parse(bits)


def test_lists_are_comma_separated_and_may_be_quoted() -> None:
    assert SLICE.parse("a,b") == ("a", "b")
    assert SLICE.parse('"a,b",c') == ("a,b", "c")
    assert SLICE.parse("") == ()
