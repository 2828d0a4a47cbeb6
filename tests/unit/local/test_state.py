import stat
import threading

import pytest

from local.errors import LocalError
from local.state import exclusively, read_json, write_json


def test_what_is_written_is_read_and_readable_by_its_owner_only(tmp_path):
    file = tmp_path / "new" / "outputs.json"
    write_json(file, {"a": ["ü"]})
    assert read_json(file) == {"a": ["ü"]}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["outputs.json"]


@pytest.mark.parametrize("content", [None, "", '{"pid": 12'])
def test_a_file_that_is_absent_or_was_cut_off_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / "f").write_text(content)
    assert read_json(tmp_path / "f") is None


def test_two_commands_at_once_are_refused_and_one_after_the_other_not(tmp_path):
    with exclusively(tmp_path), pytest.raises(LocalError, match="Another command"), exclusively(tmp_path):
        pass
    entered = threading.Event()
    with exclusively(tmp_path):
        entered.set()
    assert entered.is_set()
