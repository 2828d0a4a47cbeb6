"""Who may ask how often: a token bucket for each tenant, user, service account and, without a token, address.

The buckets are asked in the transaction's opening round trip. Source of the headers: RateLimit header fields
for HTTP (IETF draft), in its present form and in the older one that most clients read.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from typing import Any

import msgspec

from common.principal import Principal
from common.request import Request
from common.work import Work
from gateway import metrics
from gateway.errors import QuotaUsedUp
from gateway.events import RateLimited
from gateway.options import Options, options

WINDOW = 60
"""Seconds in which a whole quota comes back."""


class Bucket(msgspec.Struct, frozen=True):
    """A bucket after it was asked; ``remaining`` and ``capacity`` in tokens, ``rate`` in tokens a second."""

    scope: str
    key: str
    capacity: float
    remaining: float
    rate: float
    refused: bool
    first: bool

    def wait(self, cost: float) -> int:
        """Seconds until it can give so many tokens."""
        return max(1, math.ceil((cost - self.remaining) / self.rate))

    @property
    def full_in(self) -> int:
        """Seconds until it is full again."""
        return math.ceil((self.capacity - self.remaining) / self.rate)


class _Verdict(msgspec.Struct, frozen=True):
    allowed: bool
    buckets: list[Bucket]


@dataclass(frozen=True)
class Admission:
    """The buckets' answer to one request."""

    allowed: bool
    buckets: list[Bucket]
    cost: int

    def headers(self) -> dict[str, str]:
        """What the caller has left: of all quotas, and of the one that is used up first."""
        if not self.buckets:
            return {}
        nearest = min(self.buckets, key=lambda bucket: bucket.remaining / bucket.capacity)
        left = max(0, math.floor(nearest.remaining))
        policies = (f'"{bucket.scope}";q={bucket.capacity:.0f};w={WINDOW}' for bucket in self.buckets)
        return {
            "RateLimit-Policy": ", ".join(policies),
            "RateLimit": f'"{nearest.scope}";r={left};t={nearest.full_in}',
            "RateLimit-Limit": f"{nearest.capacity:.0f}",
            "RateLimit-Remaining": str(left),
            "RateLimit-Reset": str(nearest.full_in),
        }


def opening(principal: Principal, request: Request) -> str:
    """The expression that takes the tokens, asked as the transaction opens."""
    wanted = quotas(principal, request.source_ip, options())
    if not wanted:
        return "null"
    literal = msgspec.json.encode(wanted).decode()
    # Nothing in it is the caller's own text: scopes are constants, keys UUIDs or addresses read as such.
    return f"gateway.take('{literal}'::jsonb, {operations_in(request.body)})"


def quotas(principal: Principal, address: str, chosen: Options) -> list[dict[str, Any]]:
    """The buckets that a caller draws from; a rate of 0 sets no limit."""
    if principal.tenant is None:
        found = [("address", _address(address), chosen.address_rate)]
    else:
        own = "client" if principal.kind == "client" else "user"
        rate = chosen.client_rate if own == "client" else chosen.user_rate
        found = [("tenant", str(principal.tenant), chosen.tenant_rate), (own, str(principal.id), rate)]
    return [
        {"scope": scope, "key": key, "capacity": float(rate), "rate": rate / WINDOW}
        for scope, key, rate in found
        if rate > 0
    ]


def operations_in(body: bytes) -> int:
    """How many operations a body asks for: a batch costs as much as its parts."""
    if body.lstrip()[:1] != b"[":
        return 1
    try:
        asked = len(msgspec.json.decode(body, type=list[msgspec.Raw]))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return 1  # whatever it is, it is refused as one
    return min(max(1, asked), options().batch)  # a larger batch is refused whole


def admit(request: Request, work: Work) -> Admission:
    """What the opening round trip answered. An empty bucket refuses the request (429)."""
    cost = operations_in(request.body)
    if work.opened is None:
        return Admission(True, [], cost)
    verdict = msgspec.json.decode(work.opened, type=_Verdict)
    admission = Admission(verdict.allowed, verdict.buckets, cost)
    if not verdict.allowed:
        refuse(admission, work)
    return admission


def refuse(admission: Admission, work: Work) -> None:
    """Count the refusal, tell of its beginning, and raise it."""
    empty = [bucket for bucket in admission.buckets if bucket.refused]
    for bucket in empty:
        metrics.rate_limits_total.inc(scope=bucket.scope)
        if bucket.first and work.principal.tenant is not None:
            wait = bucket.wait(admission.cost)
            work.emit(RateLimited(bucket.scope, bucket.key, int(bucket.capacity), wait))
    slowest = max(empty, key=lambda bucket: bucket.wait(admission.cost))
    if admission.cost > slowest.capacity:
        detail = f"{admission.cost} operations at once are more than the quota of {slowest.capacity:.0f}."
    else:
        detail = f"The {slowest.scope}'s quota is used up; wait as Retry-After says."
    problem = QuotaUsedUp(detail, retry_after=slowest.wait(admission.cost), scope=slowest.scope)
    problem.headers |= admission.headers()
    raise problem


def _address(text: str) -> str:
    """The address that is counted: of IPv6 its /64, which one subscriber has to himself."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)
