"""Archives: the same bytes for the same tree, and nothing written outside the target whatever the archive says."""

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxkit.source import ArchiveError, IgnoreRules, archive
from fluxkit.source.ignore import read_patterns
from fluxkit.tarstream import TarReader, entry_header, padding

NO_RULES = IgnoreRules(read_patterns("nothing-matches-this"))


def make_tree(root: Path) -> Path:
    (root / "apps" / "base").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "apps" / "base" / "app.yaml").write_text("kind: ConfigMap\n")
    (root / "apps.yaml").write_text("a: 1\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


def members(path: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(path) as opened:
        return opened.getmembers()


@pytest.mark.contract("SRC-076", "SRC-077", "SRC-079")
def test_headers_hold_nothing_of_the_host(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    info = archive.build(tree, tmp_path / "a.tar.gz", NO_RULES)
    found = members(tmp_path / "a.tar.gz")
    assert [(m.name, m.mode, m.type) for m in found] == [
        (".", 0o750, tarfile.DIRTYPE),
        ("apps", 0o750, tarfile.DIRTYPE),
        ("apps/base", 0o750, tarfile.DIRTYPE),
        ("apps/base/app.yaml", 0o600, tarfile.REGTYPE),
        ("apps.yaml", 0o600, tarfile.REGTYPE),
        ("empty", 0o750, tarfile.DIRTYPE),
        ("run.sh", 0o700, tarfile.REGTYPE),
    ]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in found} == {(0, 0, "", "", 0)}
    data = (tmp_path / "a.tar.gz").read_bytes()
    assert data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    assert info.size == len(data)
    assert str(info.digest) == "sha256:" + hashlib.sha256(data).hexdigest()
    assert info.file_count == 3


@pytest.mark.contract("SRC-076")
def test_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    first = make_tree(tmp_path / "one")
    second = tmp_path / "two"
    second.mkdir(mode=0o700)
    for name in ("run.sh", "apps.yaml"):  # another order of creation, other modes, other times
        (second / name).write_bytes((first / name).read_bytes())
    (second / "run.sh").chmod(0o711)
    (second / "empty").mkdir(mode=0o777)
    (second / "apps" / "base").mkdir(parents=True)
    (second / "apps" / "base" / "app.yaml").write_bytes((first / "apps" / "base" / "app.yaml").read_bytes())
    os.utime(second / "apps.yaml", (1, 1))
    digests = {archive.build(tree, tmp_path / f"{tree.name}.tgz", NO_RULES).digest for tree in (first, second)}
    assert len(digests) == 1


@pytest.mark.contract("SRC-078", "SRC-344")
def test_links_and_special_files_are_dropped(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    os.symlink("/etc/passwd", tree / "passwd")
    os.symlink("/etc", tree / "etc")
    os.mkfifo(tree / "pipe")
    archive.build(tree, tmp_path / "a.tgz", NO_RULES)
    assert not {"passwd", "etc", "pipe", "etc/passwd"} & {m.name for m in members(tmp_path / "a.tgz")}


@pytest.mark.contract("SRC-080")
def test_included_file_of_an_excluded_directory_is_kept_without_its_directory(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    rules = IgnoreRules(read_patterns("/*\n!/apps/base/app.yaml\n"))
    archive.build(tree, tmp_path / "a.tgz", rules)
    assert [m.name for m in members(tmp_path / "a.tgz")] == [".", "apps/base/app.yaml"]


def test_round_trip_tells_the_hash_of_every_file(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    long = "/".join(["d" * 60] * 5)
    (tree / long).mkdir(parents=True)
    (tree / long / ("ü" * 50 + ".yaml")).write_text("x")
    (tree / long / ("n" * 120)).write_text("y")
    archive.build(tree, tmp_path / "a.tgz", NO_RULES)
    contents = archive.extract(tmp_path / "a.tgz", tmp_path / "out")
    files = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()}
    assert contents.files == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    assert contents.directories == {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_dir()}
    for name, path in files.items():
        assert (tmp_path / "out" / name).read_bytes() == path.read_bytes()
    assert (tmp_path / "out" / "run.sh").stat().st_mode & 0o777 == 0o700


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=260).filter(lambda name: "\0" not in name), st.integers(0, 2**40))
def test_any_name_and_size_survive_the_header(name: str, size: int) -> None:
    stream = io.BytesIO(entry_header(name, "5", size, 0o700))
    entry = next(iter(TarReader(stream)))
    assert (entry.name, entry.size, entry.mode) == (name, size, 0o700)


# --- hostile archives ---


def packed(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as out:
        for info, data in entries:
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return path


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", **facts: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in facts.items():
        setattr(info, key, value)
    return info, data


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "..", "a\\b", "a/..", "x/../y"])
@pytest.mark.contract("SRC-114", "SRC-345")
def test_names_that_could_escape_abort(tmp_path: Path, name: str) -> None:
    # tarfile strips a leading slash itself, so headers are written by hand.
    data = entry_header(name, "0", 1, 0o600) + b"!" + padding(1) + bytes(1024)
    (tmp_path / "evil.tgz").write_bytes(gzip.compress(data))
    with pytest.raises(ArchiveError, match="invalid name"):
        archive.extract(tmp_path / "evil.tgz", tmp_path / "deep" / "out")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["evil.tgz"]


@pytest.mark.contract("SRC-115")
def test_symlinks_are_dropped_or_refused(tmp_path: Path) -> None:
    evil = packed(
        tmp_path / "evil.tgz",
        entry("link", tarfile.SYMTYPE, linkname="/tmp"),
        entry("file", data=b"x"),
    )
    assert archive.extract(evil, tmp_path / "out").files.keys() == {"file"}
    assert not (tmp_path / "out" / "link").is_symlink()
    with pytest.raises(ArchiveError, match="entry link is a symlink"):
        archive.extract(evil, tmp_path / "other", skip_symlinks=False)


@pytest.mark.contract("SRC-115")
def test_hard_links_become_empty_files(tmp_path: Path) -> None:
    target = tmp_path / "secret"
    target.write_text("secret")
    evil = packed(tmp_path / "evil.tgz", entry("hard", tarfile.LNKTYPE, linkname=str(target)))
    archive.extract(evil, tmp_path / "out")
    assert (tmp_path / "out" / "hard").read_bytes() == b""
    assert target.stat().st_nlink == 1


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"V"])
@pytest.mark.contract("SRC-115", "SRC-345")
def test_other_types_are_an_error(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(ArchiveError, match="unsupported file type"):
        archive.extract(packed(tmp_path / "evil.tgz", entry("x", kind)), tmp_path / "out")


def test_existing_symlink_in_the_target_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    os.symlink(outside, tmp_path / "out" / "dir")
    os.symlink(outside / "file", tmp_path / "out" / "link")
    for name in ("dir/x", "link"):
        with pytest.raises(ArchiveError):
            archive.extract(packed(tmp_path / "evil.tgz", entry(name, data=b"x")), tmp_path / "out")
    assert list(outside.iterdir()) == []


@pytest.mark.contract("SRC-113")
def test_size_limit_counts_headers_before_writing(tmp_path: Path) -> None:
    evil = packed(tmp_path / "bomb.tgz", entry("small", data=b"x" * 600), entry("big", data=b"\0" * 5000))
    with pytest.raises(ArchiveError, match='"big" is bigger than max archive size of 5000 bytes'):
        archive.extract(evil, tmp_path / "out", max_bytes=5000)
    assert not (tmp_path / "out" / "big").exists()
    assert archive.extract(evil, tmp_path / "free", max_bytes=None).size == 5600


def test_size_limit_holds_for_headers_that_lie(tmp_path: Path) -> None:
    (tmp_path / "bomb.tgz").write_bytes(gzip.compress(entry_header("big", "0", 1 << 40, 0o600)))
    with pytest.raises(ArchiveError, match="bigger than max"):
        archive.extract(tmp_path / "bomb.tgz", tmp_path / "out")


def test_huge_extended_header_is_not_read_into_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb.tgz").write_bytes(gzip.compress(entry_header("x", "x", 1 << 33, 0o600)))
    with pytest.raises(ArchiveError, match="extended header"):
        archive.extract(tmp_path / "bomb.tgz", tmp_path / "out")


@pytest.mark.contract("SRC-113", "SRC-117")
@pytest.mark.parametrize("damage", ["plain", "cut", "flipped", "header"])
def test_damage_is_always_an_error(tmp_path: Path, damage: str) -> None:
    tree = make_tree(tmp_path / "tree")
    archive.build(tree, tmp_path / "a.tgz", NO_RULES)
    data = (tmp_path / "a.tgz").read_bytes()
    plain = gzip.decompress(data)
    broken = {
        "plain": plain,
        "cut": data[: len(data) // 2],
        "flipped": data[:-8] + bytes(8),
        "header": gzip.compress(plain[:600] + b"?" + plain[601:]),
    }[damage]
    (tmp_path / "b.tgz").write_bytes(broken)
    with pytest.raises(ArchiveError):
        archive.extract(tmp_path / "b.tgz", tmp_path / "out")


@pytest.mark.contract("SRC-117")
def test_target_must_be_a_directory(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(ArchiveError, match="must be a directory"):
        archive.extract(packed(tmp_path / "a.tgz", entry("x")), tmp_path / "out")


@pytest.mark.contract("SRC-116")
def test_modes_and_times_of_entries(tmp_path: Path) -> None:
    future = 4_000_000_000
    path = packed(
        tmp_path / "a.tgz",
        entry("locked", tarfile.DIRTYPE, mode=0o000),
        entry("locked/x", data=b"1", mode=0o640, mtime=future),
        entry("implied/y", data=b"1", mode=0o600, mtime=5),
    )
    archive.extract(path, tmp_path / "out")
    assert (tmp_path / "out" / "locked").stat().st_mode & 0o700 == 0o700
    assert (tmp_path / "out" / "implied").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "out" / "locked" / "x").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "out" / "locked" / "x").stat().st_mtime < future
    assert (tmp_path / "out" / "implied" / "y").stat().st_mtime == 5


def test_archives_of_other_tools_are_read(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    for kind in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT):
        name = "long-" + "n" * (90 if kind == tarfile.USTAR_FORMAT else 180)
        (tree / name).write_text("long")
        with tarfile.open(tmp_path / "a.tgz", "w:gz", format=kind) as out:
            out.add(tree, arcname=".")
        contents = archive.extract(tmp_path / "a.tgz", tmp_path / f"out-{kind}")
        assert {name, "apps/base/app.yaml", "run.sh"} <= contents.files.keys()
        (tree / name).unlink()
