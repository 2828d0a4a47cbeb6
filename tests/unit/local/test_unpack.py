import io
import os
import stat
import threading
import time
import zipfile

import pytest

from local import unpack
from local.unpack import Unpacker


def archive(files, mode=0o644):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            file.writestr(entry, content)
    return buffer.getvalue()


def test_an_archive_is_unpacked_with_its_modes(tmp_path):
    place = Unpacker(tmp_path).directory(archive({"a/b.py": "x = 1", "run": "#!"}, mode=0o755))
    assert (place / "a" / "b.py").read_text() == "x = 1"
    assert stat.S_IMODE((place / "run").stat().st_mode) == 0o755


def test_the_same_archive_is_unpacked_once_also_after_a_restart(tmp_path):
    content = archive({"a": "1"})
    place = Unpacker(tmp_path).directory(content)
    (place / "a").write_text("marked")
    assert Unpacker(tmp_path).directory(content) == place
    assert (place / "a").read_text() == "marked"
    assert Unpacker(tmp_path).directory(archive({"a": "2"})) != place


def test_an_archive_that_is_there_is_not_fetched(tmp_path):
    content = archive({"a": "1"})
    place = Unpacker(tmp_path).directory(content)

    def fetch():
        raise AssertionError("fetched")

    assert Unpacker(tmp_path).directory_of(place.name, fetch) == place


def test_many_at_once_get_the_whole_archive(tmp_path):
    unpacker, content, seen = Unpacker(tmp_path), archive({f"f{n}": "x" for n in range(200)}), []
    threads = [
        threading.Thread(target=lambda: seen.append(len(list(unpacker.directory(content).iterdir()))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [200] * 8


def test_two_emulators_at_once_share_what_one_unpacked(tmp_path, monkeypatch):
    content, other = archive({"a": "1"}), Unpacker(tmp_path)
    unzip = unpack._unzip

    def overtaken(data, target):
        monkeypatch.setattr(unpack, "_unzip", unzip)
        other.directory(data)
        unzip(data, target)

    monkeypatch.setattr(unpack, "_unzip", overtaken)
    place = Unpacker(tmp_path).directory(content)
    assert (place / "a").read_text() == "1"
    assert list(tmp_path.iterdir()) == [place]


def test_a_broken_archive_leaves_nothing_behind(tmp_path):
    with pytest.raises(zipfile.BadZipFile):
        Unpacker(tmp_path).directory(b"no archive")
    assert list(tmp_path.iterdir()) == []


def test_entries_stay_within_the_directory(tmp_path):
    place = Unpacker(tmp_path / "cache").directory(archive({"../../outside": "x", "/absolute": "y"}))
    assert not (tmp_path / "outside").exists()
    assert {path.name for path in place.rglob("*")} == {"outside", "absolute"}


def test_archives_that_were_not_used_for_days_are_removed(tmp_path):
    unpacker = Unpacker(tmp_path)
    old, fresh = unpacker.directory(archive({"a": "1"})), unpacker.directory(archive({"a": "2"}))
    os.utime(old, (0, time.time() - 3 * 24 * 3600))
    unpacker.prune(days=2)
    assert list(tmp_path.iterdir()) == [fresh]
