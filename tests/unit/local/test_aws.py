import pytest

from common.settings import Settings
from local import aws, emulator, kafka, mail, ports, postgres
from local.errors import LocalError, MissingError
from local.localstack import LocalStack
from local.ministack import Ministack


def test_the_environment_is_turned_to_the_emulator_and_away_from_real_accounts(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4000/")
    variables = aws.process_environment({"EXTRA": "1"})
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & variables.keys()
    assert variables["AWS_ACCESS_KEY_ID"] == "test"
    assert variables["AWS_ENDPOINT_URL"] == variables["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:4000"
    assert variables["EXTRA"] == "1"


def test_the_port_can_be_chosen(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("GROUNDWORK_AWS_PORT", "5000")
    assert aws.endpoint() == "http://127.0.0.1:5000"


@pytest.mark.parametrize("text", ["none", "0", "70000", "-1", "80a"])
def test_a_port_that_is_none_is_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("SOME_PORT", text)
    with pytest.raises(LocalError, match="SOME_PORT"):
        ports.preferred("SOME_PORT", 1)


@pytest.mark.parametrize(
    ("choice", "kind"), [("", Ministack), ("ministack", Ministack), ("localstack", LocalStack)]
)
def test_the_emulator_is_the_one_that_is_named(monkeypatch, choice, kind):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS", choice)
    assert type(emulator.chosen()) is kind


def test_an_unknown_emulator_is_refused(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS", "azure")
    with pytest.raises(LocalError, match="ministack or localstack"):
        emulator.chosen()


def test_an_endpoint_of_somebody_elses_is_used_as_it_is(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4000")
    assert emulator.chosen() is None


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/d", "postgresql+pg8000://u:p@h/d"),
        ("postgresql://u:p@h:5/d?x=1", "postgresql+pg8000://u:p@h:5/d?x=1"),
        ("postgresql+pg8000://u@h/d", "postgresql+pg8000://u@h/d"),
    ],
)
def test_a_database_of_somebody_elses_is_reached_by_pg8000(monkeypatch, given, used):
    monkeypatch.setenv("DATABASE_URL", given)
    assert postgres.up() == used


def test_brokers_of_somebody_elses_are_used_as_they_are(monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2")
    assert kafka.up() == "a:1,b:2"


def test_the_sender_that_is_allowed_is_the_one_of_the_platform():
    assert Settings().mail_from == mail.SENDER


def test_a_missing_thing_tells_its_remedy():
    error = MissingError("Node is not installed.", "Install it.")
    assert str(error) == "Node is not installed. Install it."
    assert (error.problem, error.remedy) == ("Node is not installed.", "Install it.")
