"""Tells the route of a call in reply headers, for clients whose reply bodies have no place for it."""

from amalfa.calls import Route, Usage
from amalfa.execution.embedding_calls import Embedded
from amalfa.execution.steps import Chosen
from amalfa.server.call_headers import PREFIX

_REASON_MAX_CHARACTERS = 300


def route_headers(route: Route, usage: Usage) -> dict[str, str]:
    """Which model answered, why, for how much, and where the text went.

    `x-amalfa-cost-usd` is left out when nobody knows the cost. `x-amalfa-left-machine` lists the models that text was
    sent to off this machine; `none` when it stayed.
    """
    asked = {"model": route.model, "provider": route.provider, "tier": str(route.tier)} if route.model else {}
    return _named(
        {
            **asked,
            "reason": route.reason,
            **_cost(usage),
            "generation": str(route.generation),
            "left-machine": ", ".join(route.left_machine.to) if route.left_machine else "none",
        },
        route.request_id,
    )


def chosen_headers(chosen: Chosen | None, request_id: str) -> dict[str, str]:
    """What can be said when a reply begins before it is whole: which model is being asked (None: none yet), and why."""
    asked: dict[str, str] = {}
    if chosen is not None:
        asked = {
            "model": str(chosen.model),
            "provider": chosen.model.provider,
            "tier": str(chosen.tier),
            "reason": chosen.reason,
        }
    return _named(asked, request_id)


def embedding_headers(embedded: Embedded, request_id: str) -> dict[str, str]:
    """The same of texts that were turned into vectors."""
    model = str(embedded.model)
    return _named(
        {
            "model": model,
            "provider": embedded.model.provider,
            "tier": str(embedded.tier),
            **_cost(embedded.usage),
            "generation": str(embedded.generation),
            "left-machine": model if embedded.has_left else "none",
        },
        request_id,
    )


def request_headers(request_id: str) -> dict[str, str]:
    """The name of a call, which is all that can be said of one that failed; {} for a request that became none.

    `x-request-id` is where the official clients of OpenAI look for it.
    """
    return {PREFIX + "request-id": request_id, "x-request-id": request_id} if request_id else {}


def _cost(usage: Usage) -> dict[str, str]:
    return {} if usage.cost_usd is None else {"cost-usd": f"{usage.cost_usd:.8f}".rstrip("0").rstrip(".")}


def _named(facts: dict[str, str], request_id: str) -> dict[str, str]:
    return {PREFIX + name: _one_line(value) for name, value in facts.items()} | request_headers(request_id)


def _one_line(text: str) -> str:
    """Printable ASCII: what else a header may hold differs from client to client."""
    plain = " ".join(text.split()).encode("ascii", "replace").decode()
    return "".join(sign for sign in plain if sign.isprintable())[:_REASON_MAX_CHARACTERS]
