"""Master data's figures, side by side with peers, in one run on one database.

Read, list and create, through the whole handler: against FastAPI with the SQLAlchemy ORM and pg8000, and
against NestJS with TypeORM. Each verifies the token, looks up the session, sets the tenant; each creation
stores and queues its event. Search: a million customers of 50 tenants. Import: rows a second, and memory.

The peers are installed apart, and left out where they are not::

    uv pip install --target .local/peers/python fastapi
    npm install --prefix .local/peers/nest @nestjs/core @nestjs/common @nestjs/platform-fastify \\
        typeorm pg reflect-metadata rxjs jsonwebtoken

``CUSTOMERS`` and ``IMPORT_ROWS`` in the environment change the sizes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Protocol

import psutil
from sqlalchemy import create_engine, text
from sqlalchemy.engine.url import make_url

from local.postgres import Cluster
from masterdata import customers, waiting
from tests.integration.masterdata import files
from tests.integration.platform import Caller, Platform, event_of, migrated

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".local" / "peers"
ROUNDS, CALLS = 15, 40
CUSTOMERS = int(os.environ.get("CUSTOMERS", "1000000"))
TENANTS = 50
IMPORT_ROWS = int(os.environ.get("IMPORT_ROWS", "100000"))

NEW: dict[str, Any] = {
    "name": "Bench GmbH",
    "currency": "EUR",
    "credit_limit": "1500.50",
    "payment_terms_days": 30,
    "addresses": [{"lines": ["Main St 1"], "country": "DE", "city": "Ulm"}],
    "contacts": [{"name": "Ann Bench", "email": "ann@bench.test"}],
    "attributes": {"tier": "gold"},
}

Request = tuple[str, str, str, Any]
"""Method, path below the service, query string, body."""


class Contender(Protocol):
    """A stack that serves customers."""

    name: str

    def seconds(self, requests: list[Request]) -> float:
        """The time of some requests, one after the other."""

    def close(self) -> None:
        """Stop it."""


class Ours:
    """The operations, called as Lambda calls them."""

    name = "Groundwork"

    def __init__(self, owner: Caller) -> None:
        self._headers = {"Authorization": f"Bearer {owner.token}"}

    def seconds(self, requests: list[Request]) -> float:
        calls = [self._call(*request) for request in requests]
        started = time.perf_counter()
        for operation, event in calls:
            operation(event)
        return time.perf_counter() - started

    def _call(self, method: str, path: str, query: str, body: Any) -> tuple[Any, Any]:
        if method == "POST":
            return customers.create, event_of(customers.create, body, headers=self._headers)
        if query:
            name, _, value = query.partition("=")
            return customers.list_, event_of(customers.list_, query={name: value}, headers=self._headers)
        identifier = {"id": path.rsplit("/", 1)[-1]}
        return customers.read, event_of(customers.read, path=identifier, headers=self._headers)

    def close(self) -> None:
        """Nothing runs besides."""


class Nest:
    """The Node.js process of the NestJS peer."""

    name = "NestJS + TypeORM + pg"

    def __init__(self, url: str, keys: list[dict[str, Any]], token: str) -> None:
        parts = make_url(url)
        database = {
            "host": parts.host, "port": parts.port, "username": parts.username, "password": parts.password,
            "database": parts.database,
        }  # fmt: skip
        settings = json.dumps({"database": database, "keys": keys, "token": token})
        script = Path(__file__).with_name("_masterdata_peers") / "nest_typeorm.js"
        self._process = subprocess.Popen(
            ["node", str(script), settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"NODE_PATH": str(PEERS / "nest" / "node_modules")},
        )
        self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The NestJS peer ended; its complaint is above.")
        return json.loads(line)

    def seconds(self, requests: list[Request]) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(requests) + "\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _contenders(platform: Platform, owner: Caller) -> Iterator[Contender]:
    yield Ours(owner)
    url = platform.settings["masterdata"].database_url
    (keys,) = platform.rows("select platform.verification_keys()")[0]
    sys.path.append(str(PEERS / "python"))
    try:
        from benchmarks._masterdata_peers.fastapi_orm import Peer
    except ModuleNotFoundError as error:
        print(f"FastAPI + SQLAlchemy ORM + pg8000: absent ({error.name} is not installed)")
    else:
        yield Peer(url, keys, owner.token)
    if (PEERS / "nest" / "node_modules" / "typeorm").is_dir():
        yield Nest(url, keys, owner.token)
    else:
        print("NestJS + TypeORM + pg: absent (not installed in .local/peers/nest)")


def _handlers(platform: Platform) -> list[tuple[str, list[str]]]:
    """Microseconds of each operation on each stack: the median of the rounds."""
    owner = _silent(platform.register)
    identifiers = [
        _silent(owner.call, customers.create, NEW | {"code": f"C-{n}"}).ok(201)["id"] for n in range(500)
    ]
    codes = count()
    rounds: dict[str, Callable[[], list[Request]]] = {
        "read": lambda: [("GET", f"/customers/{i}", "", None) for i in identifiers[:CALLS]],
        "list of 50": lambda: [("GET", "/customers", "limit=50", None)] * CALLS,
        "create": lambda: [
            ("POST", "/customers", "", NEW | {"code": f"N-{next(codes)}"}) for _ in range(CALLS)
        ],
    }
    contenders = list(_contenders(platform, owner))
    found = []
    try:
        for name, requests in rounds.items():
            spent: dict[str, list[float]] = {}
            for number in range(ROUNDS + 2):
                for contender in contenders:
                    platform.use("masterdata")
                    seconds = _silent(contender.seconds, requests())
                    if number >= 2:
                        spent.setdefault(contender.name, []).append(seconds / CALLS * 1e6)
            ours = median(spent[Ours.name])
            for contender_name, times in spent.items():
                middle = median(times)
                found.append(
                    (f"{name}, {contender_name}", [f"{middle:,.0f} us", f"{middle / ours:.2f} x ours"])
                )
    finally:
        for contender in contenders:
            contender.close()
    return found


def _silent(act: Callable[..., Any], *arguments: Any) -> Any:
    """Without the log and metric lines on the terminal; they are written all the same."""
    with contextlib.redirect_stdout(io.StringIO()):
        return act(*arguments)


_FILL = """
insert into masterdata.customers
    (id, tenant_id, code, name, created_at, created_by, updated_at, updated_by, search)
select gen_random_uuid(),
    ('00000000-0000-0000-0000-' || lpad(mod(n, :tenants)::text, 12, '0'))::uuid,
    'C-' || n, 'Customer ' || md5(n::text), now(), 'system', now(), 'system',
    ' c ' || n || ' '
        || (array['acme','zebra','muller','cafe','goods','bakery','steel','green'])[1 + mod(n / 7, 8)] || ' '
        || (array['north','south','trading','union','service'])[1 + mod(n / 11, 5)] || ' '
        || substr(md5(n::text), 1, 6) || ' anna ' || substr(md5((n * 7)::text), 1, 8) || ' example test '
from generate_series(1, :count) n
"""


def _search(platform: Platform) -> list[tuple[str, list[str]]]:
    """Milliseconds in the database of searches in one tenant of many, as the service's own login."""
    with platform.admin.connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        admin.execute(text(_FILL), {"tenants": TENANTS, "count": CUSTOMERS})
        admin.execute(text("vacuum analyze masterdata.customers"))
    tenant = "00000000-0000-0000-0000-000000000007"
    (words,) = platform.rows(
        "select search from masterdata.customers where tenant_id = :t offset 100 limit 1", t=tenant
    )[0]
    _, _, trade, place, name, _, mail, *_ = words.split()
    found = []
    engine = create_engine(platform.settings["masterdata"].database_url)
    with engine.connect() as connection:
        connection.execute(text("select set_config('app.tenant_id', :t, false)"), {"t": tenant})
        for what, terms in (
            ("one customer by e-mail", [mail]),
            ("one by parts of two words", [name[:4], mail[2:7]]),
            ("a common and a rare word", [trade, name]),
            ("two common words", [trade, place]),
            ("one common word", [trade]),
            ("a misspelt e-mail", [mail[:-1] + "x"]),
            ("a misspelt common word", [trade[:-1] + "q"]),
        ):
            asked = {"p": [f"%{term}%" for term in terms], "q": " ".join(terms)}
            times, rows = [], 0
            for _ in range(30):
                started = time.perf_counter()
                statement = text("select count(*) from masterdata.search('customers', :p, :q)")
                rows = connection.execute(statement, asked).scalar_one()
                times.append((time.perf_counter() - started) * 1e3)
            worst = quantiles(times, n=20)[-1]
            found.append(
                (f"search, {what}", [f"{median(times):.2f} ms", f"p95 {worst:.2f} ms, {rows} found"])
            )
    engine.dispose()
    return found


_COLUMNS = (
    "code",
    "name",
    "currency",
    "credit_limit",
    "contacts.0.name",
    "contacts.0.email",
    "addresses.0.lines.0",
    "addresses.0.country",
)


def _start(owner: Caller) -> dict[str, Any]:
    return files.start(owner, entity="customers")


def _resumed(owner: Caller, job: dict[str, Any]) -> dict[str, Any]:
    owner.platform.invoke(waiting.resume, {})
    return files.read(owner, job)


@contextlib.contextmanager
def _memory() -> Iterator[list[float]]:
    """Resident megabytes of this process, ten times a second."""
    process, ended = psutil.Process(), threading.Event()
    sizes = [process.memory_info().rss / 2**20]

    def sample() -> None:
        while not ended.wait(0.1):
            sizes.append(process.memory_info().rss / 2**20)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield sizes
    finally:
        ended.set()
        sampler.join()


def _spent(platform: Platform) -> tuple[float, float]:
    """Seconds of processor time so far, of this process and of the database's backends at work for it."""
    backends = 0.0
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            if platform.name in " ".join(process.info["cmdline"] or ()):
                backends += sum(process.cpu_times()[:2])
    return sum(psutil.Process().cpu_times()[:2]), backends


def _import(platform: Platform) -> list[tuple[str, list[str]]]:
    """Rows a second of an import, and what it adds to the memory of its process."""
    with files.bucket(platform) as s3:
        owner = _silent(platform.register)
        job = _silent(_start, owner)
        lines = (
            f"C-{n};Customer {n * 7919 % 10**9} GmbH;EUR;{n}.50;Ann {n};a{n}@x{n % 1000}.test;Main St;DE\n"
            for n in range(IMPORT_ROWS)
        )
        content = ";".join(_COLUMNS) + "\n" + "".join(lines)
        files.put(s3, owner, job, content)
        size = len(content) / 2**20
        del content
        with _memory() as sizes:
            began, started = _spent(platform), time.perf_counter()
            ended = _silent(files.work, owner, job)
            while ended["status"] == "running":  # its time was up, as in Lambda: the next one goes on
                ended = _silent(_resumed, owner, job)
            seconds = time.perf_counter() - started
            ours, backends = (b - a for a, b in zip(began, _spent(platform), strict=True))
    assert ended["created"] == IMPORT_ROWS, ended
    return [
        (
            f"import of {IMPORT_ROWS:,} rows ({size:.0f} MB)",
            [f"{IMPORT_ROWS / seconds:,.0f} rows/s", f"{seconds:.0f} s"],
        ),
        (
            "its processor time, all on one core",
            [
                f"{IMPORT_ROWS / (ours + backends):,.0f} rows/s",
                "{:.0f} us of Python, {:.0f} us of PostgreSQL a row".format(
                    *(spent / IMPORT_ROWS * 1e6 for spent in (ours, backends))
                ),
            ],
        ),
        (
            "its process, file store simulated within",
            [f"{max(sizes):.0f} MB", f"{max(sizes) - sizes[0]:.0f} MB by the import"],
        ),
    ]


def main() -> None:
    """Print one table."""
    with Cluster.temporary() as cluster:
        _silent(migrated, cluster)
        rows: list[tuple[str, list[str]]] = []
        for measure in (_handlers, _import, _search):
            with Platform.on(cluster, measure.__name__) as platform:
                rows += measure(platform)
    width = max(len(name) for name, _ in rows)
    for name, figures in rows:
        print(f"{name:{width}}  {figures[0]:>14}  {figures[1]}")


if __name__ == "__main__":
    main()
