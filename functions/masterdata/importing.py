"""Rows of a file made records: created or changed by their code, bad ones told, good ones kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeGuard
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import TextClause, select, text
from sqlalchemy.exc import DBAPIError

from common import constraints
from common.binding import invalid
from common.errors import Invalid, Problem
from common.etag import IfMatch
from common.work import Work
from masterdata import metrics, patching
from masterdata.errors import Archived
from masterdata.events import telling
from masterdata.records import Records
from masterdata.tables import PLACES


@dataclass(frozen=True)
class Entry:
    """One row: its number in the file, and the merge patch it means or the fault that it is."""

    row: int
    patch: dict[str, Any] | None
    fault: Problem | None = None


@dataclass
class Outcome:
    """What became of a batch of rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    faults: list[tuple[int, Problem]] = field(default_factory=list)


_ANY_VERSION = IfMatch(frozenset("*"))


class Batch:
    """A batch of rows on their way into one entity's records, within the caller's transaction."""

    def __init__(self, records: Records[Any, Any], work: Work) -> None:
        self._records = records
        self._entity = records.entity
        self._work = work

    def write(self, entries: Sequence[Entry]) -> Outcome:
        """Write the rows: together if they all fit, else one by one so that each fault has its row."""
        if not self._entity.ordered:
            try:
                with self._work.connection.begin_nested():
                    outcome, events = self._together(entries)
            except DBAPIError as error:
                if constraints.problem_of(error) is None:
                    raise
            else:
                for event in events:
                    self._work.emit(event)
                return outcome
        return self._one_by_one(entries)

    def _together(self, entries: Sequence[Entry]) -> tuple[Outcome, list[Any]]:
        outcome, events = Outcome(), list[Any]()
        known = self._existing(
            [e.patch["code"] for e in entries if e.patch and _is_code(e.patch.get("code"))]
        )
        pending = _Pending()
        for entry in entries:
            try:
                patch = self._read(entry)
                if patch.code in pending.codes:
                    # The file has the code twice: the first row is a record by the time of the second.
                    known |= self._flush(pending, events)
                before = known.get(patch.code)
                after = self._after(patch, before)
            except Problem as problem:
                outcome.faults.append((entry.row, problem))
                continue
            if before is None:
                pending.inserts.append(self._born(after))
                outcome.created += 1
            elif after == self._entity.as_written(before):
                outcome.unchanged += 1
                continue
            else:
                pending.updates.append(self._next_version(before, after))
                outcome.updated += 1
            pending.codes.add(after.code)
        self._flush(pending, events)
        written = outcome.created + outcome.updated
        metrics.crud_operations_total.inc(written, entity=self._entity.one, operation="import")
        return outcome, events

    def _read(self, entry: Entry) -> Any:
        if entry.fault is not None:
            raise entry.fault
        try:
            patch: Any = msgspec.convert(entry.patch, self._entity.patch, strict=False)
        except msgspec.ValidationError as error:
            raise invalid(error, self._entity.patch) from error
        if patch.code is UNSET:
            raise Invalid.at("/code", "A row says which record it is by its code.")
        return patch

    def _after(self, patch: Any, before: Any) -> Any:
        """The record that a row makes of the one with its code, or by itself."""
        entity = self._entity
        if before is None:
            wanted = {name: getattr(patch, name) for name in patch.__struct_fields__}
            given = {n: patching.merge({}, v) for n, v in wanted.items() if v is not UNSET and v is not None}
            for one in patching.fields_of(entity.new):
                if one.required and one.name not in given:
                    raise Invalid.at(f"/{one.name}", f"A new {entity.one} needs it.")
            return entity.rules.check(entity.new(**given))
        if before.archived_at is not None:
            raise Archived("A record with this code is archived; restore it first.")
        return entity.rules.check(patching.apply(patch, entity.as_written(before)))

    def _existing(self, codes: Iterable[str]) -> dict[str, Any]:
        """The records with these codes, locked in their order: two imports wait and never deadlock."""
        sought = {"tenant": self._work.tenant, "codes": sorted(set(codes))}
        found = [self._records.told(body) for body in self._work.execute(self._look_up, sought).scalars()]
        return {record.code: record for record in found}

    @cached_property
    def _look_up(self) -> TextClause:
        """Looks up each code by itself: of a table that grows, the planner may know too little to do so."""
        told = ", ".join(f"t.{name}" for name in self._entity.told)
        return text(
            "select row_to_json(r)::text from unnest(cast(:codes as text[])) k(code) cross join lateral "  # noqa: S608
            f"(select {told} from {self._entity.table.fullname} t "
            "where t.tenant_id = :tenant and t.code = k.code for update) r"
        )

    def _born(self, after: Any) -> _Written:
        """What a new record says, as row and as told."""
        birth = self._records.birth(self._work)
        values = msgspec.structs.asdict(after)
        derived = self._entity.rules.derive(after)
        row = values | derived | birth
        told = values | birth | self._amounts(derived)
        record = self._entity.record(**{name: told.get(name) for name in self._entity.told})
        return _Written(row, record)

    def _next_version(self, before: Any, after: Any) -> _Written:
        values = msgspec.structs.asdict(after)
        derived = self._entity.rules.derive(after)
        change = {
            "version": before.version + 1,
            "updated_at": self._work.now,
            "updated_by": self._work.principal.name,
        }
        record = msgspec.structs.replace(before, **values | change | self._amounts(derived))
        return _Written(values | derived | change | {"id": before.id}, record)

    def _amounts(self, derived: dict[str, Any]) -> dict[str, Any]:
        """The amounts of money among derived columns, as the database tells them: with all their places."""
        return {
            name: None if value is None else value.quantize(PLACES)
            for name, value in derived.items()
            if name in self._entity.amounts
        }

    def _flush(self, pending: _Pending, events: list[Any]) -> dict[str, Any]:
        """Write what is pending, in two statements; the records by their codes."""
        written: dict[str, Any] = {}
        for rows, made, statement in (
            (pending.inserts, self._entity.events.created, self._insertion),
            (pending.updates, self._entity.events.updated, self._update),
        ):
            if not rows:
                continue
            given = msgspec.json.encode([one.row for one in rows]).decode()
            self._work.execute(statement(list(rows[0].row)), {"rows": given, "tenant": self._work.tenant})
            for one in rows:
                written[one.record.code] = one.record
                events.append(telling(made, one.record))
        pending.clear()
        return written

    def _insertion(self, columns: list[str]) -> TextClause:
        table, names = self._entity.table.fullname, ", ".join(columns)
        return text(
            f"insert into {table} ({names}) "  # noqa: S608 - names of our own columns
            f"select {names} from json_populate_recordset(null::{table}, cast(:rows as json)) "
            "where tenant_id = :tenant"
        )

    def _update(self, columns: list[str]) -> TextClause:
        table = self._entity.table.fullname
        changes = ", ".join(f"{name} = n.{name}" for name in columns if name != "id")
        return text(
            f"update {table} o set {changes} "  # noqa: S608 - names of our own columns
            f"from json_populate_recordset(null::{table}, cast(:rows as json)) n "
            "where o.tenant_id = :tenant and o.id = n.id"
        )

    def _one_by_one(self, entries: Sequence[Entry]) -> Outcome:
        outcome = Outcome()
        for entry in entries:
            try:
                with self._work.connection.begin_nested():
                    self._write_one(self._resolved(entry), outcome)
            except Problem as problem:
                outcome.faults.append((entry.row, problem))
            except DBAPIError as error:
                problem_of = constraints.problem_of(error)
                if problem_of is None:
                    raise
                outcome.faults.append((entry.row, problem_of))
        return outcome

    def _write_one(self, entry: Entry, outcome: Outcome) -> None:
        patch = self._read(entry)
        before = self._existing([patch.code]).get(patch.code)
        after = self._after(patch, before)
        if before is None:
            self._records.create(self._work, after)
            outcome.created += 1
        elif after == self._entity.as_written(before):
            outcome.unchanged += 1
        else:
            self._records.change(self._work, before, _ANY_VERSION, after)
            outcome.updated += 1

    def _resolved(self, entry: Entry) -> Entry:
        """The row with the codes of other records replaced by their ids."""
        if entry.patch is None:
            return entry
        patch = dict(entry.patch)
        for name, target in self._entity.references.items():
            if name not in patch:
                continue
            code = patch.pop(name)
            patch[target] = None if code is None else str(self._identifier(name, code))
        return Entry(entry.row, patch, entry.fault)

    def _identifier(self, name: str, code: Any) -> UUID:
        table = self._entity.table
        statement = select(table.c.id).where(
            table.c.tenant_id == self._work.tenant, table.c.code == str(code)
        )
        found = self._work.execute(statement).scalar()
        if found is None:
            detail = f"There is no {self._entity.one} with the code {code}; its row must come first."
            raise Invalid.at(f"/{name}", detail)
        return found  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Written:
    """A record as its table takes it, and as it is told then."""

    row: dict[str, Any]
    record: Any


@dataclass
class _Pending:
    inserts: list[_Written] = field(default_factory=list)
    updates: list[_Written] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)

    def clear(self) -> None:
        self.inserts.clear()
        self.updates.clear()
        self.codes.clear()


def _is_code(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and "\x00" not in value
