"""Packing charts, and the ``charts`` folder filled from folders and repositories."""

import gzip
import hashlib
import os
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from fluxkit import yaml
from fluxkit.helm.chart import ChartError, Dependency, File, load, load_dir, load_files
from fluxkit.helm.package import expand, pack, save, with_versions
from fluxkit.helm.vendoring import VendoringError, build, lock_digest, status, stray_charts, update
from tests.helm.charts import write

CHART = "apiVersion: v2\nname: app\nversion: 1.2.3\n"
SUB = "apiVersion: v2\nname: sub\nversion: 0.2.0\n"


def app(root: Path, dependencies: str = "") -> Path:
    return write(
        root / "app",
        {
            "Chart.yaml": CHART + dependencies,
            "values.yaml": "a: 1 # kept\n",
            "templates/x.yaml": "a: {{ .Values.a }}\n",
            "README.md": "read",
            "values.schema.json": "{}",
            ".helmignore": "*.bak\n",
            "old.bak": "x",
        },
    )


def fetch(address: str) -> bytes:
    with urlopen(address) as response:
        data = response.read()
    assert isinstance(data, bytes)
    return data


def lines(directory: Path, run: object = build) -> list[str]:
    said: list[str] = []
    assert callable(run)
    run(directory, fetch, said.append)
    return said


# --- packing ---------------------------------------------------------------------------------------------------------


def test_an_archive_holds_what_the_chart_has_and_loads_as_the_same(tmp_path: Path) -> None:
    chart = load_dir(app(tmp_path))
    chart.set_dependencies([load_files([File("Chart.yaml", SUB.encode())])])
    path = save(chart, tmp_path / "out")
    assert path == tmp_path / "out" / "app-1.2.3.tgz"
    with tarfile.open(path) as archive:
        assert [member.name for member in archive] == [
            *("app/Chart.yaml", "app/values.yaml", "app/values.schema.json", "app/templates/x.yaml"),
            *("app/.helmignore", "app/README.md", "app/charts/sub/Chart.yaml"),
        ]
        assert {(member.mode, member.mtime, member.uid) for member in archive} == {(0o644, 0, 0)}
    again = load(path)
    assert (again.metadata, again.values) == (chart.metadata, chart.values)
    assert [file.data for file in again.raw if file.name == "values.yaml"] == [b"a: 1 # kept\n"]
    assert [each.full_path() for each in again.dependencies] == ["app/charts/sub"]


def test_the_same_chart_gives_the_same_bytes(tmp_path: Path) -> None:
    directory = app(tmp_path)
    before = pack(load_dir(directory))
    for path in directory.rglob("*"):
        os.utime(path, (1, 1))
    assert pack(load_dir(directory)) == before
    assert gzip.decompress(before)[:14] == b"app/Chart.yaml"


def test_versions_can_be_given(tmp_path: Path) -> None:
    chart = load_dir(app(tmp_path))
    other = with_versions(chart, version="2.0.0-rc.1", app_version="v9")
    assert load(save(other, tmp_path)).metadata.app_version == "v9"
    assert chart.metadata.version == "1.2.3"
    with pytest.raises(ChartError, match="invalid semantic version"):
        with_versions(chart, version="one")


def test_v1_charts_keep_dependencies_out_of_chart_yaml(tmp_path: Path) -> None:
    chart = load_files(
        [
            File("Chart.yaml", CHART.replace("v2", "v1").encode()),
            File("requirements.yaml", b"dependencies: [{name: a}]\n"),
        ]
    )
    with tarfile.open(save(chart, tmp_path)) as archive:
        member = archive.extractfile("app/Chart.yaml")
        assert member is not None
        assert b"dependencies" not in member.read()
        assert "app/requirements.yaml" in archive.getnames()


def test_charts_that_cannot_be_packed(tmp_path: Path) -> None:
    chart = load_files([File("Chart.yaml", CHART.encode()), File("values.schema.json", b"{")])
    with pytest.raises(ChartError, match=r"invalid JSON in values.schema.json"):
        pack(chart)
    chart.metadata.name = ""
    with pytest.raises(ChartError, match=r"chart validation: validation: chart.metadata.name is required"):
        pack(chart)
    (tmp_path / "file").write_text("")
    with pytest.raises(ChartError, match="is not a directory"):
        save(load_dir(app(tmp_path)), tmp_path / "file")


def test_an_archive_is_laid_out_below_its_name(tmp_path: Path) -> None:
    archive = save(load_dir(app(tmp_path)), tmp_path)
    folder = expand(archive, tmp_path / "laid")
    assert folder == tmp_path / "laid" / "app"
    assert (folder / "templates" / "x.yaml").read_text() == "a: {{ .Values.a }}\n"


# --- the charts folder -----------------------------------------------------------------------------------------------


LOCAL = "dependencies:\n- {name: sub, version: '>=0.1.0', repository: 'file://../sub'}\n"


def test_folders_are_packed_and_locked(tmp_path: Path) -> None:
    directory = app(tmp_path, LOCAL)
    write(tmp_path / "sub", {"Chart.yaml": SUB})
    assert lines(directory) == ["Saving 1 charts", "Deleting outdated charts"]
    assert sorted(path.name for path in (directory / "charts").iterdir()) == ["sub-0.2.0.tgz"]
    lock = yaml.load((directory / "Chart.lock").read_bytes())
    assert lock["dependencies"] == [{"name": "sub", "repository": "file://../sub", "version": "0.2.0"}]
    written = (directory / "Chart.lock").read_bytes()
    lines(directory)
    assert (directory / "Chart.lock").read_bytes() == written
    assert [path.name for path in tmp_path.rglob("tmpcharts-*")] == []


@pytest.mark.parametrize(
    ("wanted", "locked", "digest"),
    [
        (
            [
                Dependency(
                    name="sub",
                    version=">=0.1.0",
                    repository="file://../sub",
                    condition="sub.enabled",
                    tags=["a"],
                    import_values=["data", {"child": "x", "parent": True}],
                )
            ],
            [Dependency(name="sub", version="0.2.0", repository="file://../sub")],
            "sha256:4e1afcc3df3e8ea32ef575d9ea3f95af05bbc7e6556ec36e2fcdc987cc48ec72",
        ),
    ],
)
def test_digests_of_locks_are_helms(wanted: list[Dependency], locked: list[Dependency], digest: str) -> None:
    assert lock_digest(wanted, locked) == digest


def test_a_lock_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    directory = app(tmp_path, LOCAL)
    write(tmp_path / "sub", {"Chart.yaml": SUB})
    lines(directory)
    (directory / "Chart.yaml").write_text(CHART + LOCAL.replace(">=0.1.0", ">=0.1.1"))
    with pytest.raises(VendoringError) as caught:
        lines(directory)
    assert str(caught.value) == (
        "the lock file (Chart.lock) is out of sync with the dependencies file (Chart.yaml). "
        "Please update the dependencies with 'helm dependency update'"
    )
    lines(directory, update)
    assert lines(directory) == ["Saving 1 charts", "Deleting outdated charts"]


def test_helm_2s_locks_of_v1_charts_are_accepted(tmp_path: Path) -> None:
    wanted = '{"dependencies":[{"name":"sub","version":"0.2.0","repository":"file://../sub"}]}'
    digest = "sha256:" + hashlib.sha256(wanted.encode()).hexdigest()
    entry = "- {name: sub, version: 0.2.0, repository: 'file://../sub'}\n"
    files = {
        "Chart.yaml": CHART.replace("v2", "v1"),
        "requirements.yaml": f"dependencies:\n{entry}",
        "requirements.lock": f"dependencies:\n{entry}digest: {digest}\ngenerated: 2018-01-01T00:00:00Z\n",
    }
    directory = write(tmp_path / "app", files)
    write(tmp_path / "sub", {"Chart.yaml": SUB})
    lines(directory)
    assert [path.name for path in (directory / "charts").iterdir()] == ["sub-0.2.0.tgz"]
    (directory / "requirements.lock").write_text(files["requirements.lock"].replace(digest, "sha256:0"))
    with pytest.raises(VendoringError, match=r"\(requirements.lock\) is out of sync"):
        lines(directory)


def test_charts_no_longer_wanted_go_and_others_stay(tmp_path: Path) -> None:
    directory = app(
        tmp_path,
        "dependencies:\n- {name: kept, version: '*'}\n- {name: sub, version: 0.x, repository: 'file://../sub'}\n",
    )
    write(tmp_path / "sub", {"Chart.yaml": SUB})
    write(directory / "charts", {"kept/Chart.yaml": SUB.replace("sub", "kept"), "old.tgz.prov": "x"})
    old = load_files([File("Chart.yaml", SUB.replace("0.2.0", "0.1.0").encode())])
    save(old, directory / "charts")
    said = lines(directory)
    assert sorted(path.name for path in (directory / "charts").iterdir()) == ["kept", "old.tgz.prov", "sub-0.2.0.tgz"]
    assert said[1] == "Dependency kept did not declare a repository. Assuming it exists in the charts directory"
    assert said[-1].startswith(f"Could not verify {directory}/charts/old.tgz.prov for deletion: ")


@pytest.mark.parametrize(
    ("dependency", "message"),
    [
        ("{name: a, version: 1.x, repository: 'file://../nowhere'}", r"directory .*/nowhere not found"),
        (
            "{name: a, version: x.y.z.a, repository: 'file://../sub'}",
            'dependency "a" has an invalid version/constraint format: ',
        ),
        (
            "{name: sub, version: 9.x, repository: 'file://../sub'}",
            r"can't get a valid version for 1 subchart\(s\): \"sub\"",
        ),
        ("{name: a, version: 1.x}", r"directory .*/charts/a not found"),
        ("{name: a, version: 1.x, repository: '@mine'}", "no repository definition for @mine"),
        ("{name: a, version: 1.x, repository: 'oci://x/y'}", "OCI registries are not supported here"),
        (
            "{name: a, version: 1.x, repository: 'http://127.0.0.1:1'}",
            "is not a valid chart repository or cannot be reached",
        ),
    ],
)
def test_dependencies_that_cannot_be_had(tmp_path: Path, dependency: str, message: str) -> None:
    directory = app(tmp_path, f"dependencies:\n- {dependency}\n")
    write(tmp_path / "sub", {"Chart.yaml": SUB})
    with pytest.raises(VendoringError, match=message):
        lines(directory)
    assert not (directory / "Chart.lock").exists()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Helm repository over HTTP: its address and its folder."""
    folder = tmp_path / "repository"
    entries = []
    for version in ("0.1.0", "0.3.0", "0.10.0", "1.0.0-rc.1"):
        chart = load_files([File("Chart.yaml", SUB.replace("0.2.0", version).encode())])
        archive = save(chart, folder / "archives")
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        entries.append({"name": "sub", "version": version, "urls": [f"archives/{archive.name}"], "digest": digest})
    entries.append({"name": "sub", "version": "0.99.0", "urls": []})
    (folder / "index.yaml").write_text(yaml.dump({"apiVersion": "v1", "entries": {"sub": entries}}))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_newest_fitting_version_comes_from_a_repository(tmp_path: Path, repository: tuple[str, Path]) -> None:
    address, _ = repository
    directory = app(tmp_path, f"dependencies:\n- {{name: sub, version: '>=0.1.0', repository: '{address}/'}}\n")
    said = lines(directory)
    assert said[1] == f"Downloading sub from repo {address}/"
    assert [path.name for path in (directory / "charts").iterdir()] == ["sub-0.10.0.tgz"]
    lock = yaml.load((directory / "Chart.lock").read_bytes())
    assert lock["dependencies"][0]["version"] == "0.10.0"
    lines(directory)


def test_archives_that_are_not_what_the_index_says_are_refused(tmp_path: Path, repository: tuple[str, Path]) -> None:
    address, folder = repository
    directory = app(tmp_path, f"dependencies:\n- {{name: sub, version: 0.3.0, repository: '{address}'}}\n")
    (folder / "archives" / "sub-0.3.0.tgz").write_bytes(b"other")
    with pytest.raises(VendoringError, match=r"digest is .*, the index has "):
        lines(directory)
    (folder / "archives" / "sub-0.3.0.tgz").unlink()
    with pytest.raises(VendoringError, match=r"could not download http://.*/archives/sub-0.3.0.tgz: HTTP Error 404"):
        lines(directory)
    assert list((directory / "charts").iterdir()) == []


def test_charts_and_versions_that_a_repository_lacks(tmp_path: Path, repository: tuple[str, Path]) -> None:
    address, _ = repository
    wanted = "dependencies:\n- {{name: {}, version: {}, repository: '{}'}}\n"
    with pytest.raises(VendoringError, match="other chart not found in repo http://"):
        lines(app(tmp_path, wanted.format("other", "1.x", address)))
    with pytest.raises(VendoringError, match="can't get a valid version for 1 subchart"):
        lines(app(tmp_path, wanted.format("sub", "7.x", address)))


def test_the_state_of_each_dependency(tmp_path: Path) -> None:
    directory = app(tmp_path)
    chart = load_files([File("Chart.yaml", SUB.encode())])

    def state(version: str) -> str:
        return status(directory, Dependency(name="sub", version=version), load_dir(directory))

    assert state("1.x") == "missing"
    write(directory / "charts", {"sub/Chart.yaml": SUB})
    assert [state(version) for version in ("0.x", "1.x", "x.y.z.a")] == ["unpacked", "wrong version", "invalid version"]
    save(chart, directory / "charts")
    assert [state(version) for version in ("0.x", "1.x")] == ["ok", "wrong version"]
    whole, wanted = load_dir(directory), Dependency(name="sub", version="0.x")
    (directory / "charts" / "sub-extra-1.0.0.tgz").write_bytes(b"")
    assert status(directory, wanted, whole) == "ok"
    (directory / "charts" / "sub-0.3.0.tgz").write_bytes(b"")
    assert status(directory, wanted, whole) == "too many matches"
    (directory / "charts" / "sub-0.2.0.tgz").unlink()
    (directory / "charts" / "sub-extra-1.0.0.tgz").unlink()
    assert status(directory, wanted, whole) == "corrupt"
    (directory / "charts" / "sub-0.3.0.tgz").write_bytes(pack(load_files([File("Chart.yaml", CHART.encode())])))
    assert status(directory, wanted, whole) == "misnamed"
    assert list(stray_charts(directory, [Dependency(name="sub")])) == [
        f'WARNING: "{directory}/charts/sub-0.3.0.tgz" is not in Chart.yaml.'
    ]
