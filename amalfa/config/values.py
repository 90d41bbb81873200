"""The kinds of values a setting may have, and the base of every group of settings. Knows no particular setting."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    Strict,
    StringConstraints,
)

from amalfa.config.pattern_shape import slow_shape
from amalfa.config.secret import Credential, Secret, read_credential

PUBLIC_HEADERS = frozenset({"http-referer", "referer", "user-agent", "x-title", "x-openrouter-title"})
"""Headers whose values may be shown; all others are taken for secrets."""

_FORBIDDEN_HEADERS = frozenset({"connection", "content-length", "content-type", "host", "transfer-encoding"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_TEXT = 4096
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")

T = TypeVar("T")


def camel_case(name: str) -> str:
    """`max_cost_per_1k_tokens` → `maxCostPer1kTokens`: an attribute's key in the file."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


class Group(BaseModel):
    """An object of the configuration: closed, frozen, keyed in camelCase, silent about what it was given."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=camel_case,
        hide_input_in_errors=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
    )


def listed(value: object) -> object:
    """A lone text as a list of one."""
    return [value] if isinstance(value, str) else value


def as_tuple(value: object) -> object:
    """A list as a tuple. Raises ValueError for anything else."""
    # A list is what JSON brings; sets and generators, which pydantic would take too, cannot come from a file.
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError("must be a list")


def _one_line(value: str) -> str:
    if len(value) > _LONGEST_TEXT:
        raise ValueError("is too long")
    if _CONTROL.search(value):
        raise ValueError("holds a control character")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError("is not a valid regular expression") from error
    if reason := slow_shape(value):
        raise ValueError(reason)
    return value


def _cloud_switch(value: object) -> bool | Literal["auto"]:
    if value is True or value is False:
        return value
    if value == "auto":
        return "auto"
    raise ValueError('must be true, false or "auto"')


def _pipeline(value: object) -> str | dict[str, JsonValue]:
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("must be a pipeline object or the path of a file that holds one")


def _credential(value: object) -> Credential:
    if not isinstance(value, str):
        raise ValueError('must be text, best the name of an environment variable: "$NAME"')
    return read_credential(value)


def shown_credential(value: Credential | None) -> str | None:
    """A secret masked, a reference as it is written."""
    return None if value is None else str(value)


def _header_name(value: str) -> str:
    if not _HEADER_NAME.match(value) or value.lower() in _FORBIDDEN_HEADERS:
        raise ValueError("is not a header that may be set")
    return value


def shown_headers(headers: Mapping[str, Credential]) -> dict[str, str]:
    """Headers as they may be printed."""
    return {name: shown_header(name, value) for name, value in headers.items()}


def shown_header(name: str, value: Credential) -> str:
    """A header's value as it may be printed."""
    if isinstance(value, Secret) and name.lower() in PUBLIC_HEADERS:
        return value.reveal()
    return str(value)


def shorthand(expand: Callable[[object], object], *, written: object) -> BeforeValidator:
    """Lets a setting be written shorter than it is: `expand` turns the short form into the long one.

    `written` is the type that the JSON schema shows.
    """
    return BeforeValidator(expand, json_schema_input_type=written)


Flag = Annotated[bool, Strict()]
Text = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1), AfterValidator(_one_line)]
Pattern = Annotated[Text, AfterValidator(_pattern)]
Count = Annotated[int, Strict(), Field(ge=1, le=1_000_000_000)]
Real = Annotated[float, Strict()]
Share = Annotated[Real, Field(ge=0, le=1)]
Usd = Annotated[Real, Field(ge=0)]
Seconds = Annotated[Real, Field(gt=0, le=86_400)]

Texts = Annotated[tuple[Text, ...], BeforeValidator(as_tuple, json_schema_input_type=list[Text])]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(as_tuple, json_schema_input_type=list[Pattern])]
OneOrMore = Annotated[
    tuple[Text, ...],
    BeforeValidator(as_tuple),
    BeforeValidator(listed, json_schema_input_type=Text | list[Text]),
]
"""A text or a list of texts; always a tuple once read."""

CloudSwitch = Annotated[
    bool | Literal["auto"],
    PlainValidator(_cloud_switch, json_schema_input_type=bool | Literal["auto"]),
]
Pipeline = Annotated[
    str | Mapping[str, JsonValue],
    PlainValidator(_pipeline, json_schema_input_type=str | dict[str, JsonValue]),
]
CredentialText = Annotated[
    Credential,
    PlainValidator(_credential, json_schema_input_type=str),
    PlainSerializer(shown_credential),
]
Headers = Annotated[
    Mapping[Annotated[str, AfterValidator(_header_name)], CredentialText],
    PlainSerializer(shown_headers),
]
