"""Charts in archives: what Helm would unpack, and everything hostile refused."""

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from fluxkit.helm.chart import Chart, ChartError, Limits, load, load_archive

CHART = b"apiVersion: v2\nname: app\nversion: 1.2.3\n"


def packed(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        if kind != tarfile.REGTYPE:
            link = tarfile.TarInfo("app/link")
            link.type, link.linkname = kind, "/etc/passwd"
            archive.addfile(link)
    return out.getvalue()


def refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ChartError) as caught:
        load_archive(data, limits=limits or Limits())
    return str(caught.value)


@pytest.mark.contract("HLM-522")
def test_subcharts_may_be_archives_in_archives() -> None:
    sub = packed(("sub/Chart.yaml", CHART.replace(b"app", b"sub")), ("sub/templates/x.yaml", b"x"))
    chart = load_archive(packed(("app/Chart.yaml", CHART), ("app/charts/sub-1.2.3.tgz", sub)))
    assert [each.full_path() for each in chart.dependencies] == ["app/charts/sub"]


@pytest.mark.contract("HLM-520")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../../x", "chart illegally references parent directory"),
        ("/foo/../../x", "chart illegally references parent directory"),
        ("./../../x", "chart illegally references parent directory"),
        ("./.", 'chart illegally contains content outside the base directory: "./."'),
        ("loose", 'chart illegally contains content outside the base directory: "loose"'),
        ("//foo", "chart illegally contains absolute paths"),
        ("\\\\foo", "chart illegally contains absolute paths"),
        ("\\..\\..\\foo", "chart illegally references parent directory"),
        ("\\.\\c:\\\\foo", "chart contains illegally named files"),
        ("/./c://foo", "chart contains illegally named files"),
        ("Chart.yaml/x", "chart yaml not in base directory"),
    ],
)
def test_names_that_lead_elsewhere(name: str, message: str) -> None:
    assert refusal(packed((name, b"x"))) == f"unable to load chart archive: {message}"


@pytest.mark.parametrize("top", ["app/", "/", "c:\\", "./"])
def test_any_one_folder_may_be_at_the_top(top: str) -> None:
    assert load_archive(packed((f"{top}Chart.yaml", CHART))).name == "app"


@pytest.mark.contract("HLM-520")
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_are_files_without_content(kind: bytes) -> None:
    chart = load_archive(packed(("app/Chart.yaml", CHART), kind=kind))
    assert [(file.name, file.data) for file in chart.files] == [("link", b"")]


@pytest.mark.contract("HLM-520")
def test_a_gigabyte_of_nothing_is_refused_before_it_is_unpacked() -> None:
    info = tarfile.TarInfo("app/bomb")
    info.size = 1 << 30
    # Members of a gzip file follow one another as one stream.
    bomb = gzip.compress(info.tobuf()) + gzip.compress(bytes(1 << 20)) * 1024
    tracemalloc.start()
    message = refusal(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message == "unable to load chart archive: decompressed chart is larger than the maximum size 104857600"
    assert peak < 32 << 20


def test_an_archive_of_folders_without_end_is_refused() -> None:
    folder = tarfile.TarInfo("app/folder")
    folder.type = tarfile.DIRTYPE
    bomb = gzip.compress(folder.tobuf() * 2048) * 20
    message = refusal(bomb, Limits(chart_size=1 << 20, files=1000))
    assert message == "unable to load chart archive: decompressed chart is larger than the maximum size 1048576"


@pytest.mark.contract("HLM-520")
def test_files_and_archives_within_archives_count() -> None:
    assert refusal(packed(("app/Chart.yaml", CHART), ("app/big", bytes(6 << 20)))) == (
        'unable to load chart archive: decompressed chart file "app/big" is larger than the maximum file size 5242880'
    )
    inner = packed(("sub/Chart.yaml", CHART.replace(b"app", b"sub")), ("sub/x", bytes(600_000)))
    outer = packed(("app/Chart.yaml", CHART), *((f"app/charts/s{number}.tgz", inner) for number in range(2)))
    assert "decompressed chart is larger than the maximum size 1000000" in refusal(outer, Limits(chart_size=1_000_000))
    assert "more than 1 files" in refusal(packed(("app/Chart.yaml", CHART), ("app/x", b"")), Limits(files=1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"plain", "stream does not appear to be a valid chart file (details: gzip: invalid header)"),
        (packed(), "unable to load chart archive: no files in chart archive"),
        (packed(("app/x", b"")), "unable to detect chart version, no Chart.yaml found"),
        (packed(("app/Chart.yaml", CHART))[:60], "unable to load chart archive: unexpected EOF"),
        (packed(("app/Chart.yaml", b"apiVersion: v7\n")), "unsupported chart version"),
    ],
)
def test_what_is_no_chart(data: bytes, message: str) -> None:
    assert refusal(data) == message


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.yaml", b"a: b\n", "file '{}' seems to be a YAML file, but expected a gzipped archive"),
        ("a.txt", b"text", "file '{}' does not appear to be a gzipped archive; got 'application/octet-stream'"),
        (
            "a.html",
            b"<html>" + b" " * 600,
            "file '{}' does not appear to be a gzipped archive; got 'text/html; charset=utf-8'",
        ),
        ("a.txt", b"text " * 200, "file '{}' does not appear to be a gzipped archive; got 'text/plain; charset=utf-8'"),
        ("a.zip", b"PK\x03\x04", "file '{}' does not appear to be a gzipped archive; got 'application/zip'"),
    ],
)
def test_a_file_that_is_no_archive_is_told_for_what_it_is(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ChartError) as caught:
        load(path)
    assert str(caught.value) == message.format(path)


def test_an_archive_on_disk_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "app.tgz"
    path.write_bytes(packed(("app/Chart.yaml", CHART), ("app/.helmignore", b"*.txt\n"), ("app/a.txt", b"x")))
    chart: Chart = load(path)
    # .helmignore has no say in archives.
    assert [file.name for file in chart.files] == [".helmignore", "a.txt"]
    with pytest.raises(ChartError, match="no such file or directory"):
        load(tmp_path / "absent")
