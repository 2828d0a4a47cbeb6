import io
import json
from types import SimpleNamespace

import pytest

from local import aws, deploy
from local.deploy import Backing, Deployment
from local.errors import DeployError
from local.state import write_json

BACKING = Backing("postgresql+pg8000://u:p@h/d", "h:9092")


@pytest.fixture
def sources(tmp_path, monkeypatch):
    root = tmp_path / "root"
    (root / "functions" / "auth").mkdir(parents=True)
    (root / "functions" / "auth" / "keys.py").write_text("KEYS = 1")
    (root / "cdk.json").write_text("{}")
    monkeypatch.setattr(deploy, "ROOT", root)
    return root


@pytest.fixture
def deployment(sources, tmp_path):
    return Deployment("ministack 1@2", BACKING, tmp_path / "deploy")


def test_the_digest_is_the_same_for_the_same_sources(deployment):
    assert deployment.digest() == deployment.digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "functions" / "auth" / "keys.py").write_text("KEYS = 2"),
        lambda root: (root / "functions" / "auth" / "new.py").write_text(""),
        lambda root: (root / "functions" / "auth" / "keys.py").rename(root / "functions" / "auth" / "key.py"),
        lambda root: (root / "cdk.json").write_text('{"context": {}}'),
        lambda root: (root / "pyproject.toml").write_text(""),
    ],
)
def test_the_digest_changes_with_each_source(deployment, sources, change):
    before = deployment.digest()
    change(sources)
    assert deployment.digest() != before


def test_the_digest_changes_with_the_database_and_the_brokers(deployment, tmp_path):
    others = [Backing("postgresql+pg8000://u:q@h/d", "h:9092"), Backing(BACKING.database_url, "h:9093")]
    digests = {Deployment("e", backing, tmp_path).digest() for backing in [BACKING, *others]}
    assert len(digests) == 3


def test_caches_do_not_change_the_digest(deployment, sources):
    before = deployment.digest()
    (sources / "functions" / "auth" / "__pycache__").mkdir()
    (sources / "functions" / "auth" / "__pycache__" / "keys.cpython-311.pyc").write_text("x")
    (sources / "functions" / "auth" / "stray.pyc").write_text("x")
    assert deployment.digest() == before


def test_an_assembly_of_other_sources_is_not_used(deployment, sources):
    assert not deployment.is_synthesized()
    deployment.home.mkdir()
    (deployment.home / "synthesized").write_text(deployment.digest())
    assert deployment.is_synthesized()
    (sources / "cdk.json").write_text('{"app": "x"}')
    assert not deployment.is_synthesized()


@pytest.mark.parametrize("stack_is_there", [True, False])
def test_it_is_current_if_noted_and_if_the_emulator_has_the_stack(deployment, monkeypatch, stack_is_there):
    monkeypatch.setattr(Deployment, "_answers", staticmethod(lambda *_, **__: stack_is_there))
    assert not deployment.is_current()
    deployment.remember()
    assert deployment.is_current() is stack_is_there


def test_it_is_not_current_for_another_run_of_the_emulator(deployment, monkeypatch):
    monkeypatch.setattr(Deployment, "_answers", staticmethod(lambda *_, **__: True))
    deployment.remember()
    assert not Deployment("ministack 7@8", BACKING, deployment.home).is_current()


def test_the_api_is_found_by_the_outputs_of_its_stack(deployment, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4000/")
    write_json(
        deployment.home / "outputs.json", {"groundwork-local-api": {"ApiId": "abc", "ApiStage": "local"}}
    )
    assert deployment.api() == "http://127.0.0.1:4000/_aws/execute-api/abc/local"
    write_json(deployment.home / "outputs.json", {"groundwork-local-api": {"ApiId": "abc"}})
    with pytest.raises(DeployError, match="no output 'ApiStage'"):
        deployment.api()


class Absent(Exception):
    pass


class Lambda:
    """The client's part that `invoke` uses."""

    exceptions = SimpleNamespace(ResourceNotFoundException=Absent)

    def __init__(self, answers):
        self.answers = answers
        self.calls = []

    def invoke(self, **request):
        function = request["FunctionName"]
        self.calls.append((function, json.loads(request["Payload"])))
        answer = self.answers.get(function)
        if answer is None:
            raise Absent
        payload, error = answer
        return {
            "Payload": io.BytesIO(json.dumps(payload).encode()),
            **({"FunctionError": error} if error else {}),
        }


@pytest.fixture
def functions(monkeypatch):
    def functions(**answers):
        client = Lambda({f"groundwork-local-{name}": answer for name, answer in answers.items()})
        monkeypatch.setattr(aws, "client", lambda *_, **__: client)
        return client

    return functions


def test_a_deployment_is_completed_by_migrations_then_topics(deployment, functions):
    client = functions(migrations=({"ok": True, "after": "9"}, None), topics=({"ok": True}, None))
    told: list[str] = []
    deployment.complete(told.append)
    assert client.calls == [
        ("groundwork-local-migrations", {"command": "upgrade"}),
        ("groundwork-local-topics", {}),
    ]
    assert told == ["groundwork-local-migrations", "groundwork-local-topics"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (({"errorType": "E", "errorMessage": "no database"}, "Unhandled"), "failed: no database"),
        (("plain text", "Unhandled"), 'failed: "plain text"'),
        (({"ok": False, "after": "8"}, None), 'not done: .*"after": "8"'),
        (None, "was not deployed"),
    ],
)
def test_an_error_of_a_completing_function_fails_the_deployment(deployment, functions, answer, message):
    functions(migrations=answer, topics=({"ok": True}, None))
    with pytest.raises(DeployError, match=message):
        deployment.complete()
