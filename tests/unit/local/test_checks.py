import shutil
import subprocess

import pytest

from local import checks, node
from local.errors import MissingError


def test_an_old_python_is_refused_with_the_way_to_name_another():
    with pytest.raises(
        MissingError, match=r"3\.11 or newer is needed; this is 3\.9\.18\. .*make PYTHON=python3\.12 up"
    ):
        checks.python((3, 9, 18))
    checks.python((3, 11, 0))
    checks.python((3, 14, 1))


def test_a_full_disk_is_refused(tmp_path):
    with pytest.raises(MissingError, match=r"GiB are free in .*GROUNDWORK_STATE"):
        checks.space(tmp_path, needed=10**18)
    checks.space(tmp_path, needed=0)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(checks, "PACKAGES", ("rich", "not_installed_at_all"))
    with pytest.raises(MissingError, match=r"missing: not_installed_at_all\. Run `make setup`"):
        checks.packages()


@pytest.fixture
def node_says(monkeypatch):
    def node_says(version, program="/usr/bin/node"):
        monkeypatch.setattr(shutil, "which", lambda _: program)
        result = subprocess.CompletedProcess([], 0, version, "")
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: result)

    return node_says


@pytest.mark.parametrize(
    ("says", "version"), [("v20.0.0\n", "20.0.0"), ("v24.1.0-nightly\n", "24.1.0-nightly")]
)
def test_a_node_that_is_new_enough_is_taken(node_says, says, version):
    node_says(says)
    assert node.check() == version


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        ("v18.20.4\n", r"20 or newer is needed; /usr/bin/node is v18\.20\.4"),
        ("what?\n", "does not tell its version"),
    ],
)
def test_a_node_that_is_too_old_or_none_is_refused(node_says, says, problem):
    node_says(says)
    with pytest.raises(MissingError, match=problem):
        node.check()


def test_a_missing_node_is_told_with_what_to_install(node_says):
    node_says("", program=None)
    with pytest.raises(MissingError, match=r"Node is not installed.*Install Node 20 or newer"):
        node.check()
