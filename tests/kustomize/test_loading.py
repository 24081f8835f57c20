"""Paths, bases, components, confinement, hostile trees, and what a build says it depended on."""

import os
from pathlib import Path

import pytest

from fluxkit.kustomize import BuildLimits, BuildOptions, KustomizeError, build
from tests.kustomize.trees import CONFIG_MAP, built, write

BASE: dict[str, str | bytes] = {
    "base/kustomization.yaml": "resources: [a.yaml]",
    "base/a.yaml": CONFIG_MAP,
}


@pytest.mark.contract("KZB-039", "KZB-040", "KZB-041", "KZB-050", "KZB-052", "KZB-054")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resources: [nope.yaml]", "must build at directory: not a valid directory: evalsymlink failure on"),
        (
            "resources: [nope.yaml]",
            "accumulating resources: accumulation err='accumulating resources from 'nope.yaml': evalsymlink",
        ),
        ("resources: [.]", "cycle detected: candidate root"),
        ("resources: [..]", "cycle detected: candidate root"),
        ("resources: [loop]", "cycle detected: candidate root"),
        ("resources: [/tmp]", "new root '/tmp' cannot be absolute"),
        ("resources: ['']", "new root cannot be empty"),
        ("components: [bad.yaml]", "file is not directory"),
        (
            "resources: [base, base]",
            "may not add resource with an already registered id: ConfigMap.v1.[noGrp]/cm.[noNs]",
        ),
        ("resources: [base/a.yaml, base]", "may not add resource with an already registered id"),
        ("resources: [component]", "expected kind != 'Component' for path"),
        ("components: [base]", "expected kind 'Component' for path"),
        ("resources: ['https://example.com/x.yaml']", "is not allowed"),
        ("resources: ['github.com/org/repo?ref=v1']", "remote base 'github.com/org/repo' is not allowed"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    files: dict[str, str | bytes] = {
        **BASE,
        "kustomization.yaml": text,
        "bad.yaml": "a: [",
        "loop/kustomization.yaml": "resources: [../loop2]",
        "loop2/kustomization.yaml": "resources: [../loop]",
        "component/kustomization.yaml": "kind: Component\nnamePrefix: x",
    }
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, files)
    assert message in str(caught.value)


@pytest.mark.contract("KZB-028", "KZB-054")
def test_a_base_twice_under_different_names(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            **BASE,
            "a/kustomization.yaml": "resources: [../base]\nnamePrefix: a-",
            "b/kustomization.yaml": "resources: [../base]\nnamePrefix: b-",
            "kustomization.yaml": "resources: [a, b]",
        },
    )
    assert [item["metadata"]["name"] for item in found] == ["a-cm", "b-cm"]


@pytest.mark.contract("KZB-051", "KZB-053")
def test_components_act_on_what_their_parent_has(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            **BASE,
            "one/kustomization.yaml": "kind: Component\nnamePrefix: one-\nresources: [b.yaml]",
            "one/b.yaml": CONFIG_MAP.replace("cm", "b"),
            "two/kustomization.yaml": "kind: Component\nnameSuffix: -two",
            "kustomization.yaml": "resources: [base]\ncomponents: [one, two]\nnamePrefix: top-",
        },
    )
    assert [item["metadata"]["name"] for item in found] == ["top-one-cm-two", "top-one-b-two"]


@pytest.mark.contract("KZB-042", "KZB-043")
def test_load_restriction(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "shared/a.yaml": CONFIG_MAP,
        "app/kustomization.yaml": "resources: [../shared/a.yaml]",
    }
    with pytest.raises(KustomizeError, match=r"security; file '.*/shared/a.yaml' is not in or below '.*/app'"):
        built(tmp_path, files, "app")
    assert len(built(tmp_path, files, "app", load_restrictor="none")) == 1


@pytest.mark.contract("KZB-042")
def test_load_restriction_follows_symlinks(tmp_path: Path) -> None:
    write(tmp_path, {"shared/a.yaml": CONFIG_MAP, "app/kustomization.yaml": "resources: [a.yaml]"})
    (tmp_path / "app/a.yaml").symlink_to("../shared/a.yaml")
    with pytest.raises(KustomizeError, match="security; file"):
        build(tmp_path / "app")


@pytest.mark.contract("KZB-003")
@pytest.mark.parametrize("reference", ["../secret.yaml", "link.yaml", "{absolute}", "dir/secret.yaml"])
def test_nothing_outside_the_root_is_read(tmp_path: Path, reference: str) -> None:
    write(tmp_path, {"secret.yaml": CONFIG_MAP, "root/kustomization.yaml": "namespace: x"})
    root = tmp_path / "root"
    (root / "link.yaml").symlink_to("../secret.yaml")
    (root / "dir").symlink_to("..")
    path = reference.replace("{absolute}", str(tmp_path / "secret.yaml"))
    for field in ("resources: [{}]", "patches: [{{path: {}}}]", "configMapGenerator: [{{name: a, files: ['{}']}}]"):
        (root / "kustomization.yaml").write_text(field.format(path))
        with pytest.raises(KustomizeError, match=r"fs-security-constraint open .* is not in or below"):
            build(root, BuildOptions(root=root, load_restrictor="none"))


@pytest.mark.contract("KZB-003")
def test_bases_outside_the_root_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {**BASE, "root/kustomization.yaml": "resources: [../base]"})
    with pytest.raises(KustomizeError, match="fs-security-constraint"):
        build(tmp_path / "root", BuildOptions(root=tmp_path / "root", load_restrictor="none"))


def test_what_a_build_depended_on(tmp_path: Path) -> None:
    write(
        tmp_path,
        {**BASE, "app/kustomization.yaml": "resources: [../base, x.yaml]", "app/x.yaml": CONFIG_MAP.replace("cm", "x")},
    )
    (tmp_path / "app/y.yaml").symlink_to("../base/a.yaml")
    (tmp_path / "app/kustomization.yaml").write_text("resources: [../base, x.yaml]\npatches: [{path: y.yaml}]")
    result = build(tmp_path / "app", BuildOptions(root=tmp_path, load_restrictor="none"))
    assert result.files == {
        "app/kustomization.yaml", "app/x.yaml", "app/y.yaml", "base/a.yaml", "base/kustomization.yaml",
    }  # fmt: skip
    assert result.absent == {
        "app/kustomization.yml", "app/Kustomization", "base/kustomization.yml", "base/Kustomization",
    }  # fmt: skip
    assert result.dirs == {"app", "base"}


def test_an_overlay_shadows_the_disk(tmp_path: Path) -> None:
    write(tmp_path, {"app/a.yaml": CONFIG_MAP})
    options = BuildOptions(
        root=tmp_path,
        overlay={
            "app/kustomization.yaml": b"resources: [a.yaml, new]\nnamespace: ns1",
            "app/new/kustomization.yaml": b"resources: [b.yaml]",
            "app/new/b.yaml": CONFIG_MAP.replace("cm", "b").encode(),
        },
    )
    found = build(tmp_path / "app", options)
    assert [(item["metadata"]["name"], item["metadata"]["namespace"]) for item in found] == [
        ("cm", "ns1"),
        ("b", "ns1"),
    ]
    assert found.files == {"app/a.yaml"}


def test_limits(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]",
        "a.yaml": CONFIG_MAP + "# " + "x" * 2000,
    }
    with pytest.raises(KustomizeError, match="larger than the limit of 1000 bytes"):
        built(tmp_path, files, limits=BuildLimits(file_bytes=1000))
    with pytest.raises(KustomizeError, match="reads more than the limit of 1000 bytes"):
        built(tmp_path, files, limits=BuildLimits(total_bytes=1000))
    many = "\n---\n".join(CONFIG_MAP.replace("cm", f"c{index}") for index in range(20))
    with pytest.raises(KustomizeError, match="more than the limit of 10 resources"):
        built(tmp_path, {**files, "a.yaml": many}, limits=BuildLimits(resources=10))
    deep: dict[str, str | bytes] = {
        f"d{index}/kustomization.yaml": f"resources: [../d{index + 1}]" for index in range(9)
    }
    with pytest.raises(KustomizeError, match="nested deeper than the limit of 5"):
        built(tmp_path, deep, "d0", limits=BuildLimits(depth=5))


def test_alias_bombs_are_refused(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(KustomizeError, match="document contains excessive aliasing"):
        built(tmp_path, {"kustomization.yaml": "resources: [a.yaml]", "a.yaml": "\n".join(lines)})
    with pytest.raises(KustomizeError, match="nested deeper than 250 levels"):
        built(tmp_path, {"kustomization.yaml": "resources: [a.yaml]", "a.yaml": "a: " + "[" * 9999})


def test_special_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": "resources: [a.yaml]"})
    os.mkfifo(tmp_path / "a.yaml")
    # A pipe without a writer would block a careless reader for ever.
    descriptor = os.open(tmp_path / "a.yaml", os.O_RDWR | os.O_NONBLOCK)
    try:
        with pytest.raises(KustomizeError, match="not a regular file"):
            build(tmp_path)
    finally:
        os.close(descriptor)


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    with pytest.raises(KustomizeError, match="invalid UTF-8"):
        built(tmp_path, {"kustomization.yaml": "resources: [a.yaml]", "a.yaml": b"a: \xff\xfe"})


class _Fetcher:
    """A remote that is a directory of the test."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.cloned: list[tuple[str, str, bool, float]] = []

    def fetch_file(self, url: str) -> bytes:
        return CONFIG_MAP.replace("cm", "fetched").encode()

    def clone(self, url: str, ref: str, submodules: bool, timeout: float) -> Path:
        self.cloned.append((url, ref, submodules, timeout))
        return self.checkout


@pytest.mark.contract("KZB-045", "KZB-046", "KZB-047")
@pytest.mark.parametrize(
    ("url", "cloned"),
    [
        ("https://github.com/org/repo//base?ref=v1", ("https://github.com/org/repo", "v1", True, 27.0)),
        ("github.com/org/repo/base?version=v2&timeout=5m", ("https://github.com/org/repo", "v2", True, 300.0)),
        ("git::https://example.com/org/repo.git/base?timeout=9", ("https://example.com/org/repo.git", "", True, 9.0)),
        ("git@example.com:org/repo//base?submodules=false", ("git@example.com:org/repo", "", False, 27.0)),
        ("https://dev.example.com/p/_git/repo/base?ref=x", ("https://dev.example.com/p/_git/repo", "x", True, 27.0)),
        ("ssh://git@example.com/org/repo.git//base", ("ssh://git@example.com/org/repo.git", "", True, 27.0)),
    ],
)
def test_remote_bases(tmp_path: Path, url: str, cloned: tuple[str, str, bool, float]) -> None:
    clone = write(tmp_path / "clone", BASE)
    fetcher = _Fetcher(clone)
    root = write(tmp_path / "root", {"kustomization.yaml": f"resources: ['{url}']"})
    options = BuildOptions(root=root, allow_remote=True, fetcher=fetcher)
    if url.startswith("https://"):
        # Upstream tries such a URL as a file first; this server has only repositories.
        fetcher.fetch_file = _no_file  # type: ignore[method-assign]
    assert [item["metadata"]["name"] for item in build(root, options)] == ["cm"]
    assert fetcher.cloned == [cloned]


def _no_file(url: str) -> bytes:
    raise KustomizeError("URL is a git repository")


@pytest.mark.contract("KZB-046", "KZB-049")
def test_remote_bases_stay_in_their_clone(tmp_path: Path) -> None:
    clone = write(tmp_path / "clone", {"base/kustomization.yaml": "resources: [../../outside]"})
    write(tmp_path, {"outside/kustomization.yaml": "resources: [a.yaml]", "outside/a.yaml": CONFIG_MAP})
    root = write(tmp_path / "root", {"kustomization.yaml": "resources: ['github.com/org/repo//base']"})
    options = BuildOptions(allow_remote=True, fetcher=_Fetcher(clone))
    with pytest.raises(KustomizeError, match="must be within the repo"):
        build(root, options)
    (root / "kustomization.yaml").write_text("resources: ['github.com/org/repo//../x']")
    with pytest.raises(KustomizeError, match="url path exits repo"):
        build(root, options)


def test_remote_files(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"kustomization.yaml": "resources: ['https://example.com/a.yaml']"})
    found = build(root, BuildOptions(root=root, allow_remote=True, fetcher=_Fetcher(tmp_path)))
    assert found[0]["metadata"]["name"] == "fetched"
