"""What an operation adds to the query it runs: handler to handler on one database, in one run.

The bare query is pg8000's own cursor: the same statement, fetched, committed. The operation verifies a
token, checks a permission, sets the tenant, asks whether the session lives, runs the statement, encodes the
answer and writes its metric line. Target: under twice.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from statistics import median

import pg8000.dbapi
from sqlalchemy.engine.url import make_url

from local.postgres import Cluster
from masterdata import customers
from tests.integration.platform import Platform, event_of, migrated

ROUNDS, CALLS = 15, 200
STATEMENT = "select * from masterdata.customers where tenant_id = %s and id = %s"


def microseconds(call: Callable[[], object]) -> float:
    """The mean of some calls."""
    started = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - started) / CALLS * 1e6


def main() -> None:
    """Print both and their ratio."""
    with Cluster.temporary() as cluster:
        silence = io.StringIO()
        with contextlib.redirect_stdout(silence):
            migrated(cluster)
        with Platform.on(cluster, "bench") as platform:
            with contextlib.redirect_stdout(silence):
                owner = platform.register()
                made = owner.call(customers.create, {"code": "C-1", "name": "Bench"}).ok(201)
            bare = _bare(platform, owner.tenant, made["id"])
            platform.use("masterdata")
            event = event_of(
                customers.read, path={"id": made["id"]}, headers={"Authorization": f"Bearer {owner.token}"}
            )
            plain, whole = [], []
            with contextlib.redirect_stdout(silence):
                for _ in range(ROUNDS):
                    plain.append(microseconds(bare))
                    whole.append(microseconds(lambda: customers.read(event)))
            print(f"bare pg8000 query, committed   {median(plain):8.0f} us")
            print(f"the operation, whole           {median(whole):8.0f} us")
            print(f"ratio                          {median(whole) / median(plain):8.2f}")


def _bare(platform: Platform, tenant: str, identifier: str) -> Callable[[], object]:
    url = make_url(platform.settings["masterdata"].database_url)
    connection = pg8000.dbapi.connect(
        user=url.username, password=url.password, host=url.host, port=url.port, database=url.database
    )
    cursor = connection.cursor()
    cursor.execute(f"set app.tenant_id = '{tenant}'")
    connection.commit()

    def query() -> object:
        cursor.execute(STATEMENT, (tenant, identifier))
        rows = cursor.fetchall()
        connection.commit()
        return rows

    return query


if __name__ == "__main__":
    main()
