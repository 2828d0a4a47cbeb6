"""What the local stage relies on, of both AWS emulators, with Lambdas in our executor."""

import io
import json
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from local import aws, ports
from local.errors import MissingError
from local.localstack import PYTHON, LocalStack
from local.ministack import Ministack
from local.virtualenvs import interpreter

HANDLERS = Path(__file__).with_name("lambda_code.py").read_text()
ROLE = "arn:aws:iam::000000000000:role/any"
ENDLESS = 60


def archive(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in files.items():
            file.writestr(name.replace("__", "/") + ".py", content)
    return buffer.getvalue()


class Cloud:
    """An emulator with a few functions in it."""

    def __init__(self, emulator):
        self.endpoint = emulator.endpoint
        self.functions = self.client("lambda")
        self.logs = self.client("logs")
        layer = self.functions.publish_layer_version(
            LayerName="library", Content={"ZipFile": archive(python__from_layer="NAME = 'the layer'")}
        )
        self.layer = layer["LayerVersionArn"]

    def client(self, service):
        return aws.client(service, url=self.endpoint)

    def deploy(self, name, handler, *, timeout=10, code=HANDLERS, **variables):
        self.functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=ROLE,
            Handler=f"handlers.{handler}",
            Code={"ZipFile": archive(handlers=code)},
            Layers=[self.layer],
            Timeout=timeout,
            Environment={"Variables": variables},
        )
        self.wait(name)

    def wait(self, name):
        for waiter in ("function_active_v2", "function_updated_v2"):
            config = {"Delay": 1, "MaxAttempts": 30}
            self.functions.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=config)

    def invoke(self, name, event=None):
        response = self.functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return json.loads(response["Payload"].read()), response.get("FunctionError")

    def messages(self, name):
        with suppress(self.logs.exceptions.ResourceNotFoundException):
            pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
            return [event["message"].rstrip("\n") for page in pages for event in page["events"]]
        return []


def eventually(ask, wanted, seconds=15):
    """What `ask` gives once that is what is wanted, or at the end of the time."""
    deadline = time.monotonic() + seconds
    while not wanted(answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def of(name):
    return pytest.param(name, marks=pytest.mark.xdist_group(name), id=name)


@pytest.fixture(scope="module", params=[of("ministack"), of("localstack")])
def cloud(request, tmp_path_factory):
    if request.param == "localstack":
        try:
            interpreter(PYTHON)
        except MissingError as error:
            pytest.skip(str(error))
    kind: type[Ministack | LocalStack] = Ministack if request.param == "ministack" else LocalStack
    emulator = kind(tmp_path_factory.mktemp(request.param), ports.free_port())
    emulator.start()
    try:
        yield Cloud(emulator)
    finally:
        emulator.stop()


def test_a_function_runs_warm_with_its_variables_and_logs(cloud):
    cloud.deploy("echo", "echo", GREETING="hello")
    first, error = cloud.invoke("echo", {"a": 1})
    second, _ = cloud.invoke("echo", {"a": 2})
    assert error is None
    assert first["event"] == {"a": 1}
    assert first["variable"] == "hello"
    assert first["arn"].endswith(":function:echo")
    assert first["pid"] == second["pid"]
    assert first["request_id"] != second["request_id"]
    lines = eventually(lambda: cloud.messages("echo"), lambda found: "got {'a': 2}" in found)
    wanted = ["initialized", "got {'a': 1}", "to stderr", "got {'a': 2}", "to stderr"]
    assert [line for line in lines if line in wanted] == wanted
    assert f"END RequestId: {second['request_id']}" in lines


def test_layers_and_boto3_are_found_and_the_developers_packages_are_not(cloud):
    cloud.deploy("libraries", "libraries")
    answer, _ = cloud.invoke("libraries")
    assert answer["layer"] == "the layer"
    assert answer["pytest"] is False


def test_an_uncaught_error_is_the_functions_error_with_its_type(cloud):
    cloud.deploy("fail", "fail")
    for _ in range(2):
        answer, error = cloud.invoke("fail")
        assert error == "Unhandled"
        assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", "no such thing")


def test_after_a_timeout_the_function_runs_in_a_new_process(cloud):
    cloud.deploy("sleep", "sleep", timeout=1)
    before, _ = cloud.invoke("sleep", {"seconds": 0})
    answer, error = cloud.invoke("sleep", {"seconds": ENDLESS})
    assert error == "Unhandled"
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    after, error = cloud.invoke("sleep", {"seconds": 0})
    assert error is None
    assert after["pid"] != before["pid"]


def test_after_a_crash_the_function_can_be_called_again(cloud):
    cloud.deploy("crash", "crash")
    for _ in range(2):
        answer, error = cloud.invoke("crash")
        assert error == "Unhandled"
        assert answer["errorType"] == "Runtime.ExitError"


def test_what_fails_while_it_starts_is_told_to_the_caller(cloud):
    cloud.deploy("broken", "echo", code="raise RuntimeError('no configuration')")
    answer, error = cloud.invoke("broken")
    assert error == "Unhandled"
    assert answer["errorMessage"] == "no configuration"


def test_calls_at_the_same_time_run_at_the_same_time(cloud):
    cloud.deploy("parallel", "sleep")
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(cloud.invoke("parallel", {"seconds": 1.0})[0]))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer["pid"] for answer in answers}) == 3


def test_new_code_takes_the_place_of_the_old(cloud):
    cloud.deploy("changing", "version", code="def version(event, context): return 1")
    assert cloud.invoke("changing") == (1, None)
    code = archive(handlers="def version(event, context): return 2")
    cloud.functions.update_function_code(FunctionName="changing", ZipFile=code)
    cloud.wait("changing")
    assert cloud.invoke("changing") == (2, None)


def test_a_log_subscription_delivers_each_matching_line_even_if_it_is_refused_at_first(cloud, tmp_path):
    collected, refuse = tmp_path / "collected", tmp_path / "refuse"
    refuse.touch()
    cloud.deploy("collect", "collect", COLLECTED=str(collected), REFUSE=str(refuse))
    cloud.deploy("source", "echo")
    cloud.logs.create_log_group(logGroupName="/aws/lambda/source")
    cloud.logs.put_subscription_filter(
        logGroupName="/aws/lambda/source",
        filterName="lines",
        filterPattern='"got"',
        destinationArn=f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:function:collect",
    )
    for number in range(10):
        cloud.invoke("source", number)
    refused = eventually(lambda: cloud.messages("collect"), bool)
    assert any("not now" in line for line in refused)
    refuse.unlink()

    def delivered():
        batches = collected.read_text().splitlines() if collected.exists() else []
        return [event for batch in batches for event in json.loads(batch)["logEvents"]]

    events = eventually(delivered, lambda found: len(found) >= 10, seconds=30)
    assert sorted(event["message"] for event in events) == [f"got {number}" for number in range(10)]
    assert len({event["id"] for event in events}) == 10
    batch = json.loads(collected.read_text().splitlines()[0])
    assert (batch["messageType"], batch["logGroup"]) == ("DATA_MESSAGE", "/aws/lambda/source")
    assert batch["subscriptionFilters"] == ["lines"]


def test_a_rest_api_of_an_openapi_document_is_served_below_execute_api(cloud):
    code = "def handler(event, context): return {'statusCode': 200, 'body': event['pathParameters']['id']}"
    cloud.deploy("route", "handler", code=code)
    function = f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:function:route"
    uri = f"arn:aws:apigateway:{aws.REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
    parameters = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    document = {
        "openapi": "3.0.1",
        "info": {"title": "api", "version": "1"},
        "paths": {
            "/things/{id}": {
                "get": {
                    "parameters": parameters,
                    "responses": {},
                    "x-amazon-apigateway-integration": integration,
                }
            }
        },
    }
    template = {
        "Resources": {
            "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "api", "Body": document}},
            "Deployment": {
                "Type": "AWS::ApiGateway::Deployment",
                "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "local"},
            },
        },
        "Outputs": {"ApiId": {"Value": {"Ref": "Api"}}},
    }
    stacks = cloud.client("cloudformation")
    stacks.create_stack(StackName="api", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName="api", WaiterConfig={"Delay": 1})
    (output,) = stacks.describe_stacks(StackName="api")["Stacks"][0]["Outputs"]
    url = f"{cloud.endpoint}/_aws/execute-api/{output['OutputValue']}/local/things/7"
    response = httpx.get(url, timeout=20, trust_env=False)
    assert (response.status_code, response.text) == (200, "7")
