"""Reads OpenRouter's list of models: which of them can be chosen, what they cost, how much they take. Does no I/O.

The list is read leniently: an entry that makes no sense is left out, a value that makes none is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from amalfa.calls import FREE, Price
from amalfa.providers.model_facts import Facts, Listed
from amalfa.providers.untrusted_json import JsonObject, count_at, object_at, objects_at, parse_object, text_at

MODELS_MAX = 5_000
NAME_MAX_CHARACTERS = 200

# Not models but ways of finding one: they say what they are only after the call.
_ROUTERS = "openrouter/"
_DYNAMIC = (":nitro", ":floor", ":exacto", ":online")
_PER_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list. `next_path` is where the next one is, relative to the API's base; "" at the end."""

    models: Mapping[str, Listed]
    next_path: str


def read_page(body: bytes, base_url: str) -> Page | None:
    """What one answer of `/models` says; None when it is no such list.

    A next page is followed on the API itself only: a link to anywhere else counts as none.
    """
    answer = parse_object(body)
    if answer is None or not isinstance(answer.get("data"), list):
        return None
    found = (_entry(model) for model in objects_at(answer, "data")[:MODELS_MAX])
    models = dict(entry for entry in found if entry)
    return Page(models, _next_path(text_at(object_at(answer, "links"), "next"), base_url))


def is_choosable(name: str) -> bool:
    """Whether a name of the list is one model that can be asked now: no router, no alias, no batch price."""
    return not (name.startswith((_ROUTERS, "~")) or name.endswith(":batch"))


def listed_name(model: str) -> str:
    """The name under which a model stands in the list: without what only says how to choose its endpoint."""
    while model.endswith(_DYNAMIC):
        model = model.rpartition(":")[0]
    return model


def facts_as_asked(model: str, facts: Facts) -> Facts:
    """What holds for a model under the name it is asked by."""
    if model.endswith(":free"):
        return replace(facts, price=FREE)
    if ":online" in model:
        # Its searches are billed by the piece.
        return replace(facts, price=None)
    return facts


def _entry(model: JsonObject) -> tuple[str, Listed] | None:
    name = text_at(model, "id")
    if not 0 < len(name) <= NAME_MAX_CHARACTERS or not name.isprintable() or name.endswith(":batch"):
        return None
    outputs = object_at(model, "architecture").get("output_modalities")
    if isinstance(outputs, list) and "text" not in outputs:
        return None
    facts = Facts(
        price=_price(name, object_at(model, "pricing")),
        context_tokens=_context(model),
        has_json=_supports(model, "structured_outputs"),
        # It means any JSON object, which holds nobody to a schema.
        has_json_object=_supports(model, "response_format"),
        has_tools=_supports(model, "tools"),
    )
    return name, Listed(facts, _day(text_at(model, "expiration_date")))


def _price(name: str, pricing: JsonObject) -> Price | None:
    """USD per million tokens, at the dearest of the prices that depend on the prompt's length.

    Unknown is what varies ("-1"), what is charged by the request as well, and a price of nothing under a name
    that does not say `:free`: such models are previews and gifts that end without notice.
    """
    if name.endswith(":free"):
        return FREE
    if (_usd(pricing, "request") or 0) != 0:
        return None
    rows = (pricing, *objects_at(pricing, "overrides"))
    dearest = Price(_dearest("prompt", rows), _dearest("completion", rows))
    # Comparisons with NaN are false, so an unreadable price fails here as well.
    is_told = dearest.input_usd >= 0 and dearest.output_usd >= 0
    return dearest if is_told and not dearest.is_free else None


def _dearest(key: str, rows: tuple[JsonObject, ...]) -> float:
    told = [_usd(row, key) for row in rows if key in row]
    if not told or any(price is None or price < 0 for price in told):
        return float("nan")
    return float(max(price for price in told if price is not None) * _PER_MILLION)


def _usd(row: JsonObject, key: str) -> Decimal | None:
    """A price as it is written: text, or a number in older answers. None for anything else."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        price = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return price if price.is_finite() and price.adjusted() < 6 else None


def _context(model: JsonObject) -> int | None:
    told = (count_at(model, "context_length"), count_at(object_at(model, "top_provider"), "context_length"))
    return min((tokens for tokens in told if tokens), default=None)


def _supports(model: JsonObject, parameter: str) -> bool | None:
    parameters = model.get("supported_parameters")
    return parameter in parameters if isinstance(parameters, list) else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _next_path(link: str, base_url: str) -> str:
    base, there = urlsplit(base_url), urlsplit(link)
    is_elsewhere = bool(there.netloc) and (there.scheme, there.netloc) != (base.scheme, base.netloc)
    if not link or is_elsewhere or not there.path.startswith(f"{base.path}/"):
        return ""
    query = f"?{there.query}" if there.query else ""
    return there.path.removeprefix(base.path) + query
