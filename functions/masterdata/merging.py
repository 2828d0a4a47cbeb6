"""Two partners that are one: found as likely pairs, and merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import select, text

from common.errors import Invalid
from common.etag import IfMatch
from common.operation import Operation
from common.paging import Page, Paging, cursor_of
from common.work import Work
from masterdata.events import telling
from masterdata.matching.partners import Reason, score
from masterdata.operations import Declarer
from masterdata.partners import NewPartner, Partner, traits
from masterdata.patching import merge as merge_json
from masterdata.records import Records, timed, told_rows

N = TypeVar("N", bound=NewPartner)
R = TypeVar("R", bound=Partner)

KEYS_WALKED = 2000
"""Match keys that one page of pairs walks at most."""
MEETINGS = 20
"""Partners that one is compared with under one key: a key that many share is no evidence."""

_PAIRS = text(f"""
with walked as (
    select key, record_id from masterdata.match_keys
    where tenant_id = :tenant and entity = :entity and (key, record_id) >= (:key, cast(:one as uuid))
    order by key, record_id limit {KEYS_WALKED}
), pairs as (
    select w.key, w.record_id as one, m.record_id as other
    from walked w cross join lateral (
        select record_id from masterdata.match_keys m
        where m.tenant_id = :tenant and m.entity = :entity and m.key = w.key and m.record_id > w.record_id
        order by m.record_id limit {MEETINGS}
    ) m
    where (w.key, w.record_id, m.record_id) > (:key, cast(:one as uuid), cast(:other as uuid))
    order by 1, 2, 3 limit :pairs
)
select key, one, other from pairs
union all
select key, record_id, null from (
    select key, record_id from walked order by key desc, record_id desc limit 1
) last where (select count(*) from walked) = {KEYS_WALKED}
""")  # noqa: S608 - two constants of this module are all that is written into it
_FIRST = ("", str(UUID(int=0)), str(UUID(int=0)))
_BEYOND = str(UUID(int=(1 << 128) - 1))


class Side(msgspec.Struct, frozen=True):
    """One partner of a likely pair."""

    id: UUID
    code: str
    name: str
    version: int


class Pair(msgspec.Struct, frozen=True):
    """Two partners that are likely one."""

    score: float
    """From 0 to 1."""
    reasons: list[Reason]
    """What both have in common."""
    one: Side
    other: Side


Score = Annotated[float, Meta(ge=0, le=1, description="Leave pairs with a lower score out.")]
Taken = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=40)]],
    Meta(
        max_length=20,
        description="Fields that the survivor takes from the duplicate even where it has its own.",
    ),
]


class Merge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which duplicate goes into the partner that the path names."""

    duplicate: UUID
    duplicate_version: Annotated[int, Meta(ge=1)]
    """The version of the duplicate that was looked at; its ETag's number."""
    take: Taken = []


@dataclass(frozen=True)
class Merging(Generic[N, R]):
    """The Lambdas that only partners have."""

    duplicates: Operation[..., Any]
    merge: Operation[..., Any]


def declare(records: Records[N, R], module: str) -> Merging[N, R]:
    """Declare the operations on likely duplicates as those of ``module``."""
    entity = records.entity
    own = Declarer(entity, module)

    @own("GET /duplicates", "read")
    def duplicates(paging: Paging, work: Work, min_score: Score = 0.5) -> Page[Pair]:
        """List pairs of {many} that are likely one, with a score.

        Compared are those that share a tax id, an IBAN, an e-mail address, a telephone number or a name that
        sounds alike. A page examines at most `limit` pairs: it may hold fewer, even none, while there is a
        `next`.
        """
        return _duplicates(records, work, paging, min_score)

    @own("POST /{id}/merge", "merge", emits=(entity.events.merged, entity.events.updated), idempotent=True)
    def merge(id: UUID, wanted: Merge, expected: IfMatch, work: Work) -> R:  # noqa: A002
        """Merge a duplicate into one of the {many}, for good.

        The survivor keeps what it has, fills its gaps from the duplicate, and gets the duplicate's addresses,
        contacts and attributes besides its own. The duplicate is archived; reading it redirects to its
        survivor.
        """
        return _merged(records, work, id, wanted, expected)

    return Merging(duplicates, merge)


def _duplicates(records: Records[Any, Any], work: Work, paging: Paging, min_score: float) -> Page[Pair]:
    entity = records.entity
    scope = f"duplicates of {entity.many}"
    key, one, other = paging.after(scope, [str, str, str]) or _FIRST
    place = {"tenant": work.tenant, "entity": entity.many, "key": key, "one": one, "other": other}
    with timed(entity.one, "duplicates"):
        rows = work.execute(_PAIRS, {**place, "pairs": paging.limit}).all()
        met = [(row.key, row.one, row.other) for row in rows if row.other is not None]
        partners = _partners(records, work, {side for _, *pair in met for side in pair})
    found = []
    for shared, *pair in met:
        left, right = (partners.get(side) for side in pair)
        # A pair that shares several keys is told where it meets first.
        if left is None or right is None or min(set(left[1]) & set(right[1]), default=shared) != shared:
            continue
        likely, reasons = score(traits(left[0]), traits(right[0]))
        if likely >= min_score:
            found.append(Pair(likely, reasons, _side(left[0]), _side(right[0])))
    found.sort(key=lambda pair: -pair.score)
    return Page(found, _continuation(scope, rows, met, paging.limit))


def _continuation(scope: str, rows: Any, met: list[Any], limit: int) -> str | None:
    if len(met) == limit:
        key, one, other = met[-1]
        return cursor_of(scope, [key, str(one), str(other)])
    unfinished = [row for row in rows if row.other is None]
    return cursor_of(scope, [unfinished[0].key, str(unfinished[0].one), _BEYOND]) if unfinished else None


def _partners(
    records: Records[Any, Any], work: Work, identifiers: set[UUID]
) -> dict[UUID, tuple[Any, list[str]]]:
    if not identifiers:
        return {}
    table = records.entity.table
    wanted = select(*records.columns, table.c.match_keys).where(
        table.c.tenant_id == work.tenant, table.c.id.in_(identifiers), table.c.archived_at.is_(None)
    )
    found = wanted.subquery("r")
    rows: list[Any] = list(work.execute(told_rows(found, found.c.match_keys)).all())
    return {(partner := records.told(row.body)).id: (partner, row.match_keys) for row in rows}


def _side(partner: Partner) -> Side:
    return Side(partner.id, partner.code, partner.name, partner.version)


def _merged(records: Records[N, R], work: Work, survivor: UUID, wanted: Merge, expected: IfMatch) -> R:
    entity = records.entity
    if wanted.duplicate == survivor:
        raise Invalid.at("/duplicate", "A partner cannot be merged into itself.")
    fields = [name for name in entity.new.__struct_fields__ if name != "code"]
    for place, name in enumerate(wanted.take):
        if name not in fields:
            raise Invalid.at(f"/take/{place}", f"There is no field {name}; there are {', '.join(fields)}.")
    # Locked in the order of their ids: two merges of one pair, in whichever direction, follow each other.
    table = entity.table
    both = table.c.id.in_([survivor, wanted.duplicate])
    work.execute(
        select(table.c.id)
        .where(table.c.tenant_id == work.tenant, both)
        .order_by(table.c.id)
        .with_for_update()
    )
    kept = records.present(work, survivor, expected)
    seen = IfMatch(frozenset({str(wanted.duplicate_version)}))
    duplicate = records.present(work, wanted.duplicate, seen)
    gone = records.write(
        work, duplicate, seen, {"archived_at": work.now, "merged_into": survivor, "match_keys": []}
    )
    new = _united(entity.as_written(kept), entity.as_written(duplicate), frozenset(wanted.take))
    after = records.change(work, kept, expected, new)
    work.emit(telling(entity.events.merged, gone))
    return after


def _united(kept: N, duplicate: N, take: frozenset[str]) -> N:
    """The survivor's fields: its own, then the duplicate's where it has none, and both of what adds up."""
    changes: dict[str, Any] = {}
    for name in kept.__struct_fields__:
        mine, theirs = getattr(kept, name), getattr(duplicate, name)
        if name == "attributes":
            first, second = (mine, theirs) if name in take else (theirs, mine)
            changes[name] = merge_json(first, second)
        elif isinstance(mine, list):
            changes[name] = [*mine, *(item for item in theirs if item not in mine)]
        elif name != "code" and (name in take or mine is None):
            changes[name] = theirs
    return msgspec.structs.replace(kept, **changes)
