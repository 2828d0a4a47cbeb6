"""Likely duplicates among partners: which ones to compare, and how alike two are.

Comparing all with all is quadratic; so partners are compared only if they share a key: their tax id, an
e-mail address, a telephone number, or a name that sounds alike. The score then looks at everything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from masterdata.matching.folding import fold

Reason = Literal["tax_id", "email", "phone", "iban", "name"]

MAX_KEYS = 12
"""Keys of one partner; a contact list is not evidence without end."""

_WEIGHTS: dict[Reason, float] = {"tax_id": 0.9, "iban": 0.8, "email": 0.6, "phone": 0.4, "name": 0.75}
_CONFLICTING_TAX_IDS = 0.4
"""What is left of a score when both have a tax id, and not the same one."""
_ALIKE = 0.7
"""Names less alike than this say nothing."""

_LEGAL_WORDS = """
    ab ag and aps as asa bv bvba cia co company corp corporation cv dba de eg eirl ek et eurl ev gbr gmbh
    group holding inc incorporated kft kg kgaa kk lda limited llc llp ltd ltda nv ohg oy oyj plc pte pty sa
    sarl sas sau se sl slu sp spa sprl srl sro the ug und
"""
_LEGAL_FORMS = frozenset(_LEGAL_WORDS.split())
_SILENT = re.compile(r"(?<=[^ ])[aeiouyhw]|[^a-z0-9 ]")
_REPEATED = re.compile(r"(.)\1+")


@dataclass(frozen=True)
class Traits:
    """What a partner is recognised by."""

    name: str
    tax_id: str | None = None
    iban: str | None = None
    emails: Sequence[str] = ()
    phones: Sequence[str] = ()


def keys(partner: Traits) -> list[str]:
    """The keys under which a partner meets those like it."""
    found = [f"{kind}:{value}" for kind, values in _evidence(partner).items() for value in sorted(values)]
    if skeleton := _skeleton(partner.name):
        found.insert(0, f"name:{skeleton}")
    return found[:MAX_KEYS]


def score(one: Traits, other: Traits) -> tuple[float, list[Reason]]:
    """How likely two partners are one, from 0 to 1, and what speaks for it.

    Evidence adds up as independent chances do; different tax ids speak against it.
    """
    doubt, reasons = 1.0, list[Reason]()
    theirs = _evidence(other)
    for kind, values in _evidence(one).items():
        if values & theirs[kind]:
            reasons.append(kind)
            doubt *= 1 - _WEIGHTS[kind]
    alike = likeness(one.name, other.name)
    if alike >= _ALIKE:
        reasons.append("name")
        doubt *= 1 - _WEIGHTS["name"] * alike
    likely = 1 - doubt
    if one.tax_id and other.tax_id and "tax_id" not in reasons:
        likely *= _CONFLICTING_TAX_IDS
    return round(likely, 3), reasons


def likeness(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1, whatever their legal forms and the order of their words."""
    left, right = " ".join(_words(one)), " ".join(_words(other))
    if not left or not right:
        return 0.0
    return SequenceMatcher(None, left, right, autojunk=False).ratio()


def _evidence(partner: Traits) -> dict[Reason, set[str]]:
    return {
        "tax_id": {fold(partner.tax_id).replace(" ", "")} if partner.tax_id else set(),
        "iban": {partner.iban} if partner.iban else set(),
        "email": {email.casefold() for email in partner.emails},
        "phone": {digits for phone in partner.phones if len(digits := _digits(phone)) >= 7},
    }


def _digits(phone: str) -> str:
    """The last nine digits: the same with and without country code and trunk prefix."""
    return "".join(c for c in phone if c.isascii() and c.isdigit())[-9:]


def _words(name: str) -> list[str]:
    words = fold(name).split()
    return sorted(word for word in words if word not in _LEGAL_FORMS) or sorted(words)


def _skeleton(name: str) -> str:
    """The name's consonants, word by word in order: ``Meyer & Söhne GmbH`` and ``Soehne Meier`` meet."""
    bones = _REPEATED.sub(r"\1", _SILENT.sub("", " ".join(_words(name))))
    return " ".join(sorted(bones.split()))[:40] or fold(name)[:40]
