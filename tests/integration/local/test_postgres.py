"""The PostgreSQL of the local stage, as a real process."""

import socket
import stat

import psutil
import pytest
from sqlalchemy import create_engine, text

from local import ports
from local.errors import PortTakenError
from local.postgres import Cluster


def pid_of(server):
    running = server.daemon.running()
    assert running
    return running.pid


@pytest.fixture(scope="module")
def cluster():
    with Cluster.temporary() as cluster:
        yield cluster


def test_the_database_takes_queries_by_its_url(cluster):
    engine = create_engine(cluster.url())
    with engine.connect() as connection:
        assert connection.execute(text("select current_database(), current_user")).one() == (
            "groundwork",
            "postgres",
        )
        assert connection.execute(text("show server_encoding")).scalar_one() == "UTF8"
    engine.dispose()


def test_it_listens_on_loopback_only(cluster):
    listening = psutil.Process(pid_of(cluster)).net_connections()
    assert [connection.laddr for connection in listening if connection.status == psutil.CONN_LISTEN] == [
        ("127.0.0.1", cluster.port)
    ]


def test_a_wrong_password_is_refused(cluster):
    engine = create_engine(cluster.url(password="wrong"))
    with pytest.raises(Exception, match="28P01"), engine.connect():
        pass
    engine.dispose()


def test_the_password_is_its_owner_s_only(cluster):
    assert stat.S_IMODE((cluster.home / "password").stat().st_mode) == 0o600


def test_starting_again_reuses_the_running_server(cluster):
    pid = pid_of(cluster)
    assert cluster.start() is False
    assert pid_of(cluster) == pid


def test_a_database_is_copied_from_a_template(cluster):
    cluster.create_database("migrated")
    cluster.run("create table country (code text primary key)", "migrated")
    cluster.run("insert into country values ('NL')", "migrated")
    cluster.create_database("copy", template="migrated")
    assert cluster.run("select code from country", "copy") == [["NL"]]
    cluster.drop_database("copy")
    assert cluster.run("select 1 from pg_database where datname = 'copy'") == []


def test_a_killed_server_is_started_again_with_its_data():
    with Cluster.temporary() as cluster:
        cluster.run("create table kept (id int)", "groundwork")
        cluster.run("checkpoint", "groundwork")
        process = psutil.Process(pid_of(cluster))
        process.kill()
        process.wait()
        assert cluster.daemon.running() is None
        assert cluster.start() is True
        assert cluster.run("select count(*) from kept", "groundwork") == [[0]]


def test_a_lock_file_whose_pid_is_another_program_s_does_not_keep_it_from_starting():
    with Cluster.temporary() as cluster:
        lock = cluster.data / "postmaster.pid"
        content = lock.read_text()
        cluster.stop()
        lock.write_text(content.replace(content.split("\n")[0], str(psutil.Process().pid), 1))
        assert cluster.start() is True


def test_a_taken_port_is_named_with_its_holder_and_the_override(tmp_path):
    with socket.socket() as other:
        other.bind((ports.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with Cluster.temporary() as cluster:
            cluster.stop()
            moved = Cluster(cluster.home, port, durable=False)
            with pytest.raises(PortTakenError, match=rf"port {port}.*pid \d+.*GROUNDWORK_POSTGRES_PORT"):
                moved.start()
