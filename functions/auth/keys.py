"""Signing keys: made here, kept encrypted, published as JWKS, rotated with an overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from sqlalchemy import func, or_, select, text, update

from auth import sealing
from auth.events import PLATFORM_TENANT, KeyRotated
from auth.tables import signing_keys, tenants
from common.errors import Conflict, Forbidden
from common.operation import PUBLIC, Uses, every, operation
from common.request import Response
from common.settings import settings
from common.tokens import TYPE, encode
from common.work import Work

Algorithm = Literal["ES256", "RS256"]
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

MAX_LIFETIME = timedelta(hours=1, seconds=60)
"""No token is good for longer, the leeway of clocks included."""
PUBLISHED_FOR = 60
"""Seconds for which a verifier may keep the published keys."""
LEAD = 120
"""Seconds that a new key is published before it signs."""
PERIOD = timedelta(days=30)
"""How long a key signs before the schedule replaces it."""
MAX_PUBLISHED = 10
"""Keys of one algorithm published at once."""

_LOCK = text("select pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))")
_SHA256 = SHA256()


class JsonWebKeySet(msgspec.Struct, frozen=True):
    """A JWK Set (RFC 7517, section 5): public keys only."""

    keys: list[dict[str, Any]]


class PublishedKey(msgspec.Struct, frozen=True):
    """A key as its rotation leaves it: signs from ``active_at``."""

    kid: str
    alg: str
    active_at: datetime


class Rotation(msgspec.Struct, frozen=True):
    """The keys that a rotation made."""

    keys: list[PublishedKey]


@operation("GET /auth/.well-known/jwks.json", permission=PUBLIC)
def jwks(work: Work) -> Response[JsonWebKeySet]:
    """The keys that verify our tokens, those about to be used and those not yet done included."""
    rows = work.execute(text("select platform.verification_keys()")).scalar_one()
    headers = {"Cache-Control": f"public, max-age={PUBLISHED_FOR}"}
    return Response(JsonWebKeySet(rows), headers=headers)


@operation("POST /auth/keys/rotate", permission="auth.key.rotate", emits=KeyRotated, uses={Uses.SIGNING})
def rotate(
    work: Work,
    activate_in: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = LEAD,
    withdraw: bool = False,
) -> Rotation:
    """Replace the signing keys. New ones are published at once and sign ``activate_in`` seconds later.

    Old ones stay published until their last token has died; with ``withdraw``, after a compromise, they and
    all their tokens are refused from now on. Where the stage names an operator's tenant, only its users may;
    withdrawing needs one.
    """
    operator = settings().operator_tenant
    if operator or withdraw:
        slug = work.execute(select(tenants.c.slug).where(tenants.c.id == work.tenant)).scalar_one()
        if slug != operator:
            raise Forbidden("The keys are the whole platform's; its operator's tenant may do this.")
    work.execute(_LOCK)
    active_at = work.now if withdraw else work.now + timedelta(seconds=activate_in)
    made = [_replace(work, alg, active_at, withdraw=withdraw) for alg in _present(work)]
    return Rotation([PublishedKey(key.kid, key.alg, active_at) for key in made])


@every(minutes=60, uses={Uses.SIGNING}, emits=KeyRotated)
def rotate_signing_keys(work: Work) -> dict[str, Any]:
    """Replace the keys that have signed for thirty days."""
    work.enter(PLATFORM_TENANT)
    work.execute(_LOCK)
    newest = select(signing_keys.c.alg, func.max(signing_keys.c.active_at).label("since"))
    rows = work.execute(newest.group_by(signing_keys.c.alg)).all()
    active_at = work.now + timedelta(seconds=LEAD)
    due = [row.alg for row in rows if row.since <= work.now - PERIOD]
    return {"rotated": [_replace(work, alg, active_at).kid for alg in sorted(due)]}


@dataclass(frozen=True)
class SigningKey:
    """A private key, with the one algorithm it signs with."""

    kid: str
    alg: str
    private: Private

    def sign(self, claims: Any, kind: str = TYPE) -> str:
        """The claims as a compact JWS; ``kind`` is its ``typ``."""
        header = msgspec.json.encode({"alg": self.alg, "kid": self.kid, "typ": kind})
        signed = f"{encode(header)}.{encode(msgspec.json.encode(claims))}"
        if isinstance(self.private, rsa.RSAPrivateKey):
            return f"{signed}.{encode(self.private.sign(signed.encode(), padding.PKCS1v15(), _SHA256))}"
        r, s = utils.decode_dss_signature(self.private.sign(signed.encode(), ec.ECDSA(_SHA256)))
        return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


CURRENT = """(
    select k.kid from auth.signing_keys k
    where k.alg = {alg} and k.active_at <= :now and (k.retired_at is null or k.retired_at > :now)
    order by k.active_at desc limit 1
)"""
"""SQL for the id of the key in use, for statements that have a round trip to make anyway."""

_decrypted: dict[str, SigningKey] = {}


def current(work: Work, alg: str = "ES256", known: str | None = None) -> SigningKey:
    """The algorithm's key in use; the first one is made when it is first needed.

    ``known`` is its id where a statement of this transaction has read it (:data:`CURRENT`).
    """
    if known in _decrypted:
        return _decrypted[known]
    newest = (
        select(signing_keys.c.kid, signing_keys.c.private_key)
        .where(
            signing_keys.c.alg == alg,
            signing_keys.c.active_at <= work.now,
            or_(signing_keys.c.retired_at.is_(None), signing_keys.c.retired_at > work.now),
        )
        .order_by(signing_keys.c.active_at.desc())
        .limit(1)
    )
    row = work.execute(newest).one_or_none()
    if row is None:
        work.execute(_LOCK)
        row = work.execute(newest).one_or_none()
    if row is None:
        return create(work, alg, work.now)
    if row.kid not in _decrypted:
        if len(_decrypted) >= 2 * MAX_PUBLISHED:
            _decrypted.clear()
        _decrypted[row.kid] = SigningKey(row.kid, alg, _opened(row.kid, row.private_key))
    return _decrypted[row.kid]


def create(work: Work, alg: str, active_at: datetime) -> SigningKey:
    """A new key, published from this transaction's commit on."""
    private: Private = (
        ec.generate_private_key(ec.SECP256R1())
        if alg == "ES256"
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    jwk = _jwk(private)
    kid = encode(sha256(msgspec.json.encode(dict(sorted(jwk.items())))).digest())  # RFC 7638
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    work.execute(
        signing_keys.insert().values(
            kid=kid,
            alg=alg,
            public_jwk=jwk | {"kid": kid, "alg": alg, "use": "sig"},
            private_key=sealing.encrypt(der, kid),
            created_at=work.now,
            active_at=active_at,
        )
    )
    return SigningKey(kid, alg, private)


def _present(work: Work) -> list[str]:
    """The algorithms that have keys, ES256 in any case; too many keys at once are refused."""
    count = func.count().filter(
        or_(signing_keys.c.expires_at.is_(None), signing_keys.c.expires_at > work.now)
    )
    rows = work.execute(select(signing_keys.c.alg, count.label("n")).group_by(signing_keys.c.alg)).all()
    if any(row.n >= MAX_PUBLISHED for row in rows):
        raise Conflict(f"{MAX_PUBLISHED} keys are published already; wait until the oldest have died.")
    return sorted({"ES256", *(row.alg for row in rows)})


def _replace(work: Work, alg: str, active_at: datetime, *, withdraw: bool = False) -> SigningKey:
    """Make the next key, and let those before it retire when it takes over."""
    made = create(work, alg, active_at)
    retire = (
        update(signing_keys)
        .where(
            signing_keys.c.alg == alg,
            signing_keys.c.kid != made.kid,
            or_(signing_keys.c.expires_at.is_(None), signing_keys.c.expires_at > work.now),
        )
        .values(
            retired_at=func.least(signing_keys.c.retired_at, active_at),
            expires_at=work.now
            if withdraw
            else func.least(signing_keys.c.expires_at, active_at + MAX_LIFETIME),
        )
    )
    work.execute(retire)
    work.emit(KeyRotated(made.kid, alg, active_at))
    return made


def _jwk(private: Private) -> dict[str, str]:
    """The public key's required members (RFC 7518, 6.2.1 and 6.3.1)."""
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.public_key().public_numbers()
        n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        return {"kty": "RSA", "n": encode(n), "e": encode(numbers.e.to_bytes(3, "big"))}
    point = private.public_key().public_numbers()
    x, y = (encode(n.to_bytes(32, "big")) for n in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def _opened(kid: str, stored: bytes) -> Private:
    private = load_der_private_key(sealing.decrypt(stored, kid), None)
    assert isinstance(private, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey))
    return private
