"""What may be registered, and how Prometheus finds it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from prometheus_client.exposition import generate_latest

from common.errors import Problem
from gateway import rollup, services
from gateway.services import Registration


@pytest.mark.parametrize(
    "members",
    [
        {"url": "ftp://x.test"},
        {"url": "https://x.test", "health": "gopher://y.test/"},
        {"url": "https://x.test", "forwards": ["X-Upper"]},
        {"url": "https://x.test", "forwards": ["a b"]},
        {"url": "https://x.test", "labels": {"__address__": "y"}},
        {"url": "https://x.test", "labels": {"a-b": "y"}},
    ],
)
def test_a_registration_that_leads_astray_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(Problem):
        services._check(msgspec.convert(members, Registration))


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a_b", "a/b", "x" * 64, "auth", "gateway"])
def test_a_name_is_lower_case_and_not_an_own_services(name: str) -> None:
    with pytest.raises(Problem):
        services._check_name(name)


def test_a_target_is_host_scheme_and_path() -> None:
    target = services._target("https://api.test:8443/prod/auth/metrics", {"service": "auth"})
    assert msgspec.to_builtins(target) == {
        "targets": ["api.test:8443"],
        "labels": {"__scheme__": "https", "__metrics_path__": "/prod/auth/metrics", "service": "auth"},
    }


PAGE = """# HELP requests_total Requests handled.
# TYPE requests_total counter
requests_total{operation="a",status="200"} 3.0
# HELP seconds Time.
# TYPE seconds histogram
seconds_bucket{le="0.1"} 1.0
seconds_bucket{le="+Inf"} 2.0
seconds_count 2.0
seconds_sum 0.7
"""


def test_the_services_pages_become_one_with_each_family_once() -> None:
    pages = {"auth": PAGE, "rules": PAGE, "workflow": None}
    text = generate_latest(rollup._Collected(rollup.merged(pages))).decode()
    assert text.count("# TYPE requests_total counter") == 1
    for service in ("auth", "rules"):
        assert f'requests_total{{operation="a",service="{service}",status="200"}} 3.0' in text
        assert f'seconds_bucket{{le="+Inf",service="{service}"}} 2.0' in text
        assert f'seconds_sum{{service="{service}"}} 0.7' in text
        assert f'service_up{{service="{service}"}} 1.0' in text
    assert 'service_up{service="workflow"} 0.0' in text
