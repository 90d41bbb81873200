"""An app with accounts behind it, for tests of the routes that tell of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from amalfa.errors import AmalfaError
from amalfa.execution.accounts import Accounts
from amalfa.execution.counters import Counters
from amalfa.execution.decisions import Decisions
from amalfa.execution.ledger import SqliteLedger
from amalfa.execution.usage import UsageBook
from amalfa.providers.provider import Provider
from amalfa.server.reply import error_reply
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from tests.fakes import FakeClock


@dataclass
class Keeper:
    """An engine, as far as its accounts go."""

    accounts: Accounts
    ledger: SqliteLedger
    running_calls: int = 0
    generation_number: int = 1

    def providers(self) -> Mapping[str, Provider]:
        return {}


@asynccontextmanager
async def keeping(
    folder: Path, path: str, handler: Callable[[Request], Awaitable[Response]]
) -> AsyncIterator[tuple[Keeper, httpx.AsyncClient]]:
    """A keeper over a fresh ledger, and a client of an app with the one route."""
    database = Database.open(folder / "sonar.db", SONAR_DB, application_id=7)
    counters, clock = Counters(), FakeClock()
    ledger = SqliteLedger(database, boot="a", clock=clock, listener=counters)
    keeper = Keeper(Accounts(UsageBook(database), counters, Decisions(), clock), ledger)

    async def on_failure(request: Request, error: Exception) -> Response:
        assert isinstance(error, AmalfaError)
        return error_reply(error)

    app = Starlette(routes=[Route(path, handler)], exception_handlers={AmalfaError: on_failure})
    app.state.engine = keeper
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sonar") as client:
        yield keeper, client
    await database.aclose()
