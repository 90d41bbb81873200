"""Reads what callers of the open doors say in headers about how to do a call; their bodies belong to other APIs."""

from typing import Literal

from pydantic import ConfigDict, Field
from starlette.requests import Request

from amalfa.calls import Handling, PrivacyClass, Wish
from amalfa.server.bodies import Body
from amalfa.server.work import new_request_id, read_body
from amalfa.tasks.desk import Terms

PREFIX = "x-amalfa-"


class CallHeaders(Body):
    """Each header narrows what the configuration allows and never widens it.

    One of this prefix that is not listed here is an error, so that a misspelt limit is never silently ignored.
    """

    model_config = ConfigDict(alias_generator=lambda name: PREFIX + name.replace("_", "-"))

    team: str | None = Field(default=None, min_length=1, max_length=200)
    hint: str | None = Field(default=None, min_length=1, max_length=200)
    prefer: Literal["local", "cloud"] | None = None
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK
    max_cost_usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    no_cache: bool = False


def terms_from(request: Request, model: str | None) -> Terms:
    """The terms of one call to `model` (None: the policy decides). Raises UsageProblem for a header that is wrong.

    HTTP's own `Cache-Control: no-cache` or `no-store` does what `x-amalfa-no-cache: true` does.
    """
    told = {name: value for name, value in request.headers.items() if name.startswith(PREFIX)}
    said = read_body(CallHeaders, told)
    wish = Wish(model, said.prefer, said.team, said.hint, said.max_cost_usd)
    asks_anew = said.no_cache or any(
        directive.strip().lower() in ("no-cache", "no-store")
        for directive in request.headers.get("cache-control", "").split(",")
    )
    return Terms(new_request_id(), wish, said.privacy, handling=Handling(is_cacheable=not asks_anew))
