"""Fault B13, against both upstreams: what a caller leaves behind is ended, written down and forgotten."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.case import WHOLE_TEXT, WORDS, Mode
from tests.faults.leaving import has_hung_up, leave
from tests.faults.seen import watch
from tests.faults.stage import Name, set_up


@pytest.mark.parametrize("mode", ["streaming", "whole"])
@pytest.mark.parametrize("name", ["ollama", "openrouter"])
async def test_a_caller_who_leaves_ends_the_upstream_call(
    name: Name, mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    record_property("fault", ["B13", "the client leaves while tokens flow", name, mode])
    async with set_up(name, tmp_path, monkeypatch) as stage:
        request_id = await leave(stage, is_streaming=mode == "streaming")
        await has_hung_up(stage)
        (row,) = stage.ledger(request_id)
        record_property("outcome", f"hung up; ledger: {row.state}, cost {row.cost_usd}; {stage.asks} asked")
        assert row.state == "cancelled"
        assert row.cost_usd is None or name == "ollama", "what may have been billed is unknown, not zero"
        assert (stage.asks, stage.peer_asks) == (1, 0)
        assert await stage.strikes() == 0
        stage.will(WORDS)
        again = await watch(stage, is_streaming=True)
        assert (again.ends, again.text) == ("itself", WHOLE_TEXT), "the slot is free"
