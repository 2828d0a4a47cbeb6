"""Every command of the runbooks exists, and takes what it is given there."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

ROOT = Path(__file__).parents[3]
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()

COMMANDS = sorted(
    {
        line.strip()
        for block in re.findall(r"^ *```sh\n(.*?)^ *```$", RUNBOOKS, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    }
)
OF_THE_CLI = {"cli-binary-format", "source-region", "no-sign-request"}
"""Options that the command line adds to those of the service's model."""


def _of(program: str) -> list[str]:
    found = [command for command in COMMANDS if command.startswith(f"{program} ")]
    assert found
    return found


def test_nothing_else_is_run_than_what_is_held_to_its_parser() -> None:
    assert {command.split()[0] for command in COMMANDS} <= {"python", "make", "aws", "curl", "npx"}


@pytest.mark.parametrize("command", _of("python -m"))
def test_the_projects_own_commands_parse(command: str) -> None:
    _, _, module, *arguments = shlex.split(command)
    name = f"{module}.__main__" if module == "local" else module
    importlib.import_module(name).parser().parse_args(arguments)


@pytest.mark.parametrize("command", _of("make"))
def test_what_make_is_told_to_make_is_there(command: str) -> None:
    _, target, *settings = shlex.split(command)
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    for setting in settings:
        assert f"$({setting.partition('=')[0]})" in makefile


@pytest.mark.parametrize("command", _of("aws"))
def test_what_aws_is_asked_is_in_its_services_model(command: str) -> None:
    _, service, operation, *arguments = shlex.split(command)
    session = botocore.session.get_session()
    model = session.get_service_model(service)
    (found,) = [name for name in model.operation_names if xform_name(name, "-") == operation]
    shape = model.operation_model(found).input_shape
    assert shape is not None
    known = {xform_name(name, "-"): member for name, member in shape.members.items()}
    given = {argument[2:] for argument in arguments if argument.startswith("--")}
    assert given - OF_THE_CLI <= known.keys()
    assert {xform_name(name, "-") for name in shape.required_members} <= given
    flags = [a[2:] for a, b in zip(arguments, [*arguments[1:], "--"], strict=True) if a[:2] == b[:2] == "--"]
    assert {known[flag].type_name for flag in flags} <= {"boolean"}


def test_no_command_is_named_elsewhere_that_is_not_there() -> None:
    for module in re.findall(r"python -m (infra\.\w+)", RUNBOOKS):
        importlib.import_module(module)
    for target in re.findall(r"`make (\w+)", RUNBOOKS):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
