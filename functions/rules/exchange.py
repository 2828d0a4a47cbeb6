"""Rule sets in and out: as DMN decision tables, and as the engine's own JSON."""

from __future__ import annotations

import msgspec

from common.errors import BadRequest, UnsupportedMediaType
from common.operation import operation
from common.request import Request, Response
from common.work import Work
from rules import rules, sets, storage
from rules.engine.check import require_valid
from rules.engine.dmn.from_table import rule_set_of
from rules.engine.dmn.read import read_dmn
from rules.engine.dmn.to_table import definitions_of
from rules.engine.dmn.write import write_dmn
from rules.engine.model import RuleSet, rule_set_from_json, rule_set_to_json
from rules.events import RuleCreated, SetCreated
from rules.sets import DecisionSet, Declaration, NewSet

DMN = "application/dmn+xml"
XML = ("application/xml", "text/xml")
JSON = "application/json"
MOST = 1_048_576


@operation(
    "POST /rules/import",
    permission="rules.set.create",
    status=201,
    emits=(SetCreated, RuleCreated),
    media_types=(JSON, DMN, *XML),
    body_limit=MOST,
    idempotent=True,
    memory=1024,
    timeout=29,
)
def import_(document: bytes, request: Request, work: Work, key: str, decision: str = "") -> DecisionSet:
    """Make a rule set of a document: a DMN 1.1 to 1.5 model, of which `decision` is the table, or our JSON.

    `key` becomes the set's key and name. The rules come as a draft; publish it to have it decide.
    """
    name = _key(key)
    found = _read(document, request.media_type or JSON, decision)
    require_valid(found)
    members = {field: getattr(found, field) for field in Declaration.__struct_fields__}
    made = sets.create.function(NewSet(key=name, name=name, **members), work)
    rules.add(work, sets.find(work, name), list(found.rules))
    return made


@operation(
    "GET /rules/sets/{id}/export", permission="rules.set.read", answers=(422,), produces=DMN, memory=1024
)
def export(id: str, work: Work, format: str = "dmn") -> Response[str]:  # noqa: A002
    """Write a set's draft as a DMN decision table (`format=dmn`), or as our own JSON (`format=json`)."""
    draft = storage.draft(work, sets.find(work, id))
    if format == "json":
        return Response(rule_set_to_json(draft).decode(), media_type=JSON)
    if format != "dmn":
        raise BadRequest("format is dmn or json.", parameter="format")
    return Response(write_dmn(definitions_of(draft)).decode(), media_type=DMN)


def _key(given: str) -> str:
    try:
        return msgspec.convert(given, sets.Key)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The key is not valid: {error}.".replace("`", "'"), parameter="key") from error


def _read(document: bytes, media_type: str, decision: str) -> RuleSet:
    if media_type == JSON:
        return rule_set_from_json(document)
    if media_type not in (DMN, *XML):
        raise UnsupportedMediaType(f"Send {JSON} or {DMN}.")
    definitions = read_dmn(document)
    if not decision:
        if len(definitions.decisions) != 1:
            names = ", ".join(each.name for each in definitions.decisions)
            raise BadRequest(f"Say which decision: {names}.", parameter="decision")
        decision = definitions.decisions[0].name
    return rule_set_of(definitions, decision)
