"""What a cold start need not pay for.

pg8000 signs in through scramp, which imports asn1crypto's X.509 tables to bind a SCRAM exchange to a TLS
certificate: 7 ms of bytecode on a laptop. They are loaded when a certificate is parsed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_X509 = "asn1crypto.x509"


class _Certificate:
    """Stands for ``asn1crypto.x509.Certificate`` until one is parsed."""

    @staticmethod
    def load(encoded: bytes, **options: Any) -> Any:
        from asn1crypto.x509 import Certificate

        return Certificate.load(encoded, **options)


@contextmanager
def deferred_certificates() -> Iterator[None]:
    """Within, whoever imports ``asn1crypto.x509.Certificate`` gets one that loads itself when used."""
    if _X509 in sys.modules:
        yield
        return
    stand_in = ModuleType(_X509)
    stand_in.Certificate = _Certificate  # type: ignore[attr-defined]
    sys.modules[_X509] = stand_in
    try:
        yield
    finally:
        del sys.modules[_X509]
