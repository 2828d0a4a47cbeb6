"""ID tokens that come back: an application says whom it means (OpenID Connect Core 1.0, 3.1.2.1)."""

from __future__ import annotations

import binascii

import msgspec
from sqlalchemy import text

from auth.issuer import issuer
from auth.issuing import ID_TOKEN, IdClaims
from common.request import Request
from common.tokens import MAX_LENGTH, Header, Key, decode
from common.work import Work

_KEYS = text("select platform.verification_keys()")


def read(token: str, request: Request, work: Work) -> IdClaims | None:
    """The claims of an ID token of ours, expired or not; None for anything else.

    A hint gives nothing away and permits nothing but to sign out whom it names.
    """
    if len(token) > MAX_LENGTH or token.count(".") != 2:
        return None
    signed, _, last = token.rpartition(".")
    first, _, middle = signed.partition(".")
    try:
        header, signature = msgspec.json.decode(decode(first), type=Header), decode(last)
        claims = msgspec.json.decode(decode(middle), type=IdClaims)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
    if header.crit is not None or header.typ != ID_TOKEN or claims.iss != issuer(request):
        return None
    published = [Key.of(jwk) for jwk in work.execute(_KEYS).scalar_one() if jwk["kid"] == header.kid]
    good = any(key.alg == header.alg and key.verify(signature, signed.encode()) for key in published)
    return claims if good else None
