"""Rows: which models are asked when the call offers tools."""

from tests.routing.decisions import BIG, CLOUD_OFF, ENGINE, QWEN, Ask, Now, Row, on, routing

TOOLS = Ask(offers_tools=True)
NO_ENGINE = {ENGINE: "no_tools"}
WITHOUT = Now(without_tools=("qwen2.5:1.5b",))

ROWS = [
    Row("the engine takes no tools", {}, (QWEN,), {**CLOUD_OFF, **NO_ENGINE}, TOOLS),
    Row("a model nobody told anything of may be asked", on(), (BIG, QWEN), NO_ENGINE, TOOLS),
    Row(
        "a model that is known to take tools is asked",
        on(),
        (BIG, QWEN),
        NO_ENGINE,
        TOOLS,
        Now(with_tools=("qwen2.5:1.5b",)),
    ),
    Row("a model that takes no tools is passed over", on(), (BIG,), {QWEN: "no_tools", **NO_ENGINE}, TOOLS, WITHOUT),
    Row("without another model nobody is left", {}, (), {QWEN: "no_tools", **CLOUD_OFF, **NO_ENGINE}, TOOLS, WITHOUT),
    Row(
        "a model asked for by name must take them as well",
        on(),
        (BIG,),
        {QWEN: "no_tools", **NO_ENGINE},
        Ask(model=QWEN, offers_tools=True),
        WITHOUT,
    ),
    Row(
        "with one model allowed, the one that takes tools is it",
        on(routing(fallback=False)),
        (BIG,),
        {QWEN: "no_tools", **NO_ENGINE},
        TOOLS,
        WITHOUT,
    ),
    Row("a call without tools asks any model", on(), (BIG, QWEN, ENGINE), {}, Ask(), WITHOUT),
]
