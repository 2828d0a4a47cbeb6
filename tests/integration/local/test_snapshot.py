"""The local database is saved and put back, as Aurora's snapshots are."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import postgres, snapshot
from local.errors import LocalError, MissingError
from local.postgres import DATABASE, Cluster
from migrations.security import login
from tests.integration.platform import TEMPLATE


@pytest.fixture
def running(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The cluster with a migrated database as the local stage's."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(postgres, "cluster", lambda: cluster)
    cluster.drop_database(DATABASE)
    cluster.create_database(DATABASE, template=TEMPLATE)
    return cluster


def _metrics(cluster: Cluster) -> list[list[object]]:
    return cluster.run("select name, value from platform.metric_series", DATABASE)


def test_what_was_written_since_is_gone_and_the_logins_have_their_rights(
    running: Cluster, tmp_path: Path
) -> None:
    write = "insert into platform.metric_series (service, name, labels, value) values ('auth', 'x', '', 1)"
    running.run(write, DATABASE)
    snapshot.save(tmp_path / "saved")
    running.run("update platform.metric_series set value = 2", DATABASE)
    snapshot.restore(tmp_path / "saved")
    assert _metrics(running) == [["x", 1.0]]
    may = f"select has_table_privilege('{login('auth')}', 'auth.users', 'select')"
    assert running.run(may, DATABASE) == [[True]]


def test_a_file_that_is_no_snapshot_changes_nothing(running: Cluster, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"PGDMP and nothing after it")
    with pytest.raises(LocalError, match="pg_restore ended with"):
        snapshot.restore(tmp_path / "broken")
    with pytest.raises(MissingError):
        snapshot.restore(tmp_path / "absent")
    assert _metrics(running) == []
    assert running.run("select datname from pg_database where datname like '%_restored'") == []


def test_another_ones_database_is_left_alone(
    running: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", running.url())
    with pytest.raises(LocalError, match="another's"):
        snapshot.save(tmp_path / "saved")
