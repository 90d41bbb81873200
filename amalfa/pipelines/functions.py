"""Reads the functions of a pipeline and where its nodes use them. Calls none of them."""

from typing import cast

from amalfa.config.origins import Sourced
from amalfa.pipelines.fields import Fields
from amalfa.pipelines.graph import Function, HookMode, HookTime, HookUse, OnFailure
from amalfa.pipelines.runnable import BadFunction, runnable

FUNCTION_KEYS = ("type", "method", "url", "headers", "body", "command", "args", "env", "timeout", "description")
HOOK_KEYS = ("function", "mode", "on_failure", "on-failure", "if")
TIMEOUT_S = 10.0


def read_functions(top: Fields) -> dict[str, Function]:
    """The file's `functions` by name."""
    return {name: _function(name, sourced, top) for name, sourced in top.members("functions").items()}


def read_hooks(node: Fields, time: HookTime) -> tuple[HookUse, ...]:
    """The hooks of one node before or after its work, in order."""
    written = node.get("hooks")
    if written is None:
        return ()
    hooks = Fields(written, f"{node.what} hooks", node.problems)
    if not isinstance(written.value, dict):
        if time == "pre":
            hooks.is_object()
        return ()
    if time == "pre":
        hooks.allow(("pre", "post"))
    uses = (_use(sourced, f"{node.what} hooks.{time}", node) for sourced in hooks.items(time))
    return tuple(use for use in uses if use is not None)


def _function(name: str, sourced: Sourced, top: Fields) -> Function:
    fields = Fields(sourced, f'function "{name}"', top.problems)
    line = sourced.origin.line
    if not fields.is_object():
        return Function(name, "rest", line)
    fields.allow(FUNCTION_KEYS)
    if fields.get("type") is None:
        fields.refuse("type", "must be rest or shell")
    kind = fields.choice("type", among=("rest", "shell"))
    body = fields.get("body")
    function = Function(
        name,
        "shell" if kind == "shell" else "rest",
        line,
        method=fields.text("method").upper() or "POST",
        url=fields.text("url"),
        headers=_headers(fields),
        body=body.plain if body else None,
        command=fields.text("command"),
        args=tuple(_texts(fields, "args")),
        env=tuple(_texts(fields, "env")),
        timeout_s=fields.number("timeout", least=0.001, most=600) or TIMEOUT_S,
    )
    try:
        runnable(function)
    except BadFunction as bad:
        for reason in bad.reasons if kind else ():
            top.problems.add(sourced, f"{fields.what} {reason}")
    return function


def _headers(fields: Fields) -> dict[str, str]:
    found = {}
    for header, value in fields.members("headers").items():
        if isinstance(value.value, str):
            found[header] = value.value
        else:
            fields.refuse("headers", f"{header} must be text")
    return found


def _texts(fields: Fields, key: str) -> list[str]:
    found = []
    for item in fields.items(key):
        if isinstance(item.value, str):
            found.append(item.value)
        else:
            fields.refuse(key, "must be a list of texts")
    return found


def _use(sourced: Sourced, what: str, node: Fields) -> HookUse | None:
    if isinstance(sourced.value, str):
        return HookUse(sourced.value, line=sourced.origin.line)
    fields = Fields(sourced, what, node.problems)
    if not fields.is_object():
        return None
    fields.allow(HOOK_KEYS)
    if not fields.text("function"):
        fields.refuse("function", "is missing")
    mode = fields.choice("mode", among=("observe", "transform")) or "observe"
    on_failure = fields.choice("on_failure", "on-failure", among=("continue", "abort")) or "continue"
    if (mode, on_failure) == ("observe", "abort"):
        fields.refuse("on_failure", "must be continue where a hook only observes, as nobody waits for it")
    return HookUse(
        fields.text("function"),
        cast("HookMode", mode),
        cast("OnFailure", on_failure),
        fields.condition(),
        sourced.origin.line,
    )
