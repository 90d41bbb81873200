"""One whole session after the other: the official client, `amalfa mcp`, sonar, and a simulated Ollama."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import anyio
import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.shared.exceptions import MCPError

from amalfa.daemon.listener import occupant_of
from amalfa.mcp.tools import TOOLS
from tests.mcp_server.conftest import CANARY, MODEL, Talk, talking_with, text_of
from tests.system.harness import Home, new_home, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread

pytestmark = pytest.mark.anyio

QUESTION = "With what is the kettle descaled?"
NAMES = ["list_models", "model_info", "load_model", "unload_model", "ask", "search", "analyze", "metadata", "usage"]
READING = {"list_models", "model_info", "ask", "search", "analyze", "metadata", "usage"}


async def called(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    """The structured result of a call that goes well; the client has held it against the tool's output schema."""
    result = await client.call_tool(name, arguments)
    assert not result.is_error, text_of(result)
    assert text_of(result).strip()
    found: dict[str, Any] = result.structured_content
    return found


async def failed(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(name, arguments)
    assert result.is_error
    error: dict[str, Any] = result.structured_content["error"]
    assert text_of(result).startswith(f"Error ({error['code']}): {error['message']}")
    assert "Traceback" not in text_of(result)
    return error


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_of_either_protocol_sees_every_tool_with_its_schemas(talk: Talk, mode: str) -> None:
    async with talk(mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(tools) == NAMES
        for tool in tools.values():
            Draft202012Validator.check_schema(tool.input_schema)
            Draft202012Validator.check_schema(tool.output_schema)
            assert all(field.get("description") for field in tool.input_schema["properties"].values()), tool.name
            assert tool.annotations.read_only_hint is (tool.name in READING)
            assert tool.annotations.destructive_hint is (tool.name == "unload_model")
        assert not {"stream", "without_private", "context_only"} & set(tools["ask"].input_schema["properties"])
        assert client.server_capabilities.resources is not None


async def test_the_notes_are_asked_searched_and_described(talk: Talk) -> None:
    said: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        said.append(message or "")

    async with talk() as client:
        result = await client.call_tool("ask", {"question": QUESTION}, progress_callback=hear)
        answer = result.structured_content
        assert (answer["model"], answer["citations"][0]["path"]) == (f"ollama:{MODEL}", "guide.md")
        assert "[1] guide.md:" in text_of(result)
        assert said[0] == "searching"
        assert f"asking ollama:{MODEL}" in said

        refused = await called(client, "ask", question="Who painted the ceiling of the opera?")
        assert refused["refused"]

        found = await called(client, "search", query="kettle vinegar", k=3)
        assert found["passages"][0]["path"] == "guide.md"
        assert (await called(client, "analyze", query="how do I descale the kettle"))["output"]["intent"]
        assert (await called(client, "metadata", path="guide.md"))["output"]["title"]
        used = await called(client, "usage", by="task")
        assert {group["name"] for group in used["groups"]} >= {"analyze", "metadata"}
        again = await called(client, "ask", question="How often is that done?", session=answer["session"])
        assert again["session"] == answer["session"]


async def test_models_are_listed_loaded_and_unloaded_with_a_dry_run_before(
    talk: Talk, ollama: InThread[OllamaSimulator]
) -> None:
    async with talk() as client:
        await called(client, "unload_model", model=MODEL)
        assert not ollama.simulator.loaded
        dry = await called(client, "load_model", model=MODEL, dry_run=True)
        assert (dry["dry_run"], dry["changes"]) == (True, True)
        assert not ollama.simulator.loaded
        assert not (await called(client, "load_model", model=MODEL))["dry_run"]
        assert ollama.simulator.loaded
        listed = await called(client, "list_models", query="qwen2.5 1.5b")
        assert [one["name"] for one in listed["models"]] == [f"ollama:{MODEL}"]
        info = await called(client, "model_info", model=MODEL)
        assert info["hosts"][0]["loaded"]


async def test_a_model_in_use_stays_until_the_call_is_cancelled_which_hangs_up(
    talk: Talk, ollama: InThread[OllamaSimulator]
) -> None:
    before = len(ollama.simulator.disconnects)
    ollama.simulator.script(MODEL, {"text": "The kettle is descaled with vinegar [1]. " * 50, "token_ms": 200})
    async with talk() as client:
        async with anyio.create_task_group() as group:
            group.start_soon(called_quietly, client)
            await until_asked(ollama)
            error = await failed(client, "unload_model", model=MODEL)
            assert (error["code"], error["message"]) == ("busy", f"{MODEL} is in use by 1 calls.")
            dry = await called(client, "unload_model", model=MODEL, dry_run=True)
            assert dry["refusal"]["code"] == "busy"
            forced = await called(client, "unload_model", model=MODEL, force=True, dry_run=True)
            assert forced["refusal"] is None
            group.cancel_scope.cancel()
        await anyio.to_thread.run_sync(wait_until, lambda: len(ollama.simulator.disconnects) > before)
        await called(client, "unload_model", model=MODEL)
        assert (await called(client, "search", query="kettle"))["passages"]


async def called_quietly(client: Client) -> None:
    await client.call_tool("ask", {"question": QUESTION})


async def until_asked(ollama: InThread[OllamaSimulator]) -> None:
    """Wait until the model is writing."""
    await anyio.to_thread.run_sync(wait_until, lambda: ollama.simulator.counters.in_flight > 0)


async def test_what_goes_wrong_is_told_and_the_session_goes_on(talk: Talk) -> None:
    async with talk() as client:
        assert (await failed(client, "load_model", model="nobody/has:this"))["hint"]
        missing = await failed(client, "load_model", model="ollama:llama9")
        assert "amalfa models pull" in missing["hint"]
        wrong = await failed(client, "search", query="x", dryRun=True)
        assert wrong["code"] == "usage"
        assert "dryRun" in wrong["message"]
        assert "max_cost_usd" in (await failed(client, "ask", question="x", max_cost_usd=-1))["message"]
        assert (await failed(client, "metadata", path="guide.md", text="both"))["code"] == "usage"
        assert (await failed(client, "metadata", path="../outside.md"))["code"] == "not_found"
        assert (await failed(client, "usage", since="yesterday-ish"))["code"] == "usage"
        with pytest.raises(MCPError, match="Unknown tool: rm"):
            await client.call_tool("rm", {})
        assert (await called(client, "search", query="kettle"))["passages"]


async def test_notes_are_resources_with_a_template(talk: Talk) -> None:
    async with talk() as client:
        listed = await client.list_resources()
        assert [one.uri for one in listed.resources] == [
            "note:///a%20folder/%C3%BCber%20%26%20co.md",
            "note:///guide.md",
        ]
        assert [one.title for one in listed.resources] == ["Über uns", "Guide"]
        assert {one.mime_type for one in listed.resources} == {"text/markdown"}
        read = (await client.read_resource(listed.resources[0].uri)).contents[0]
        assert (read.mime_type, read.text.splitlines()[0]) == ("text/markdown", "# Über uns")
        templates = (await client.list_resource_templates()).resource_templates
        assert [one.uri_template for one in templates] == ["note:///{+path}"]
        for uri in ("note:///absent.md", "note:///../outside.md", "file:///etc/passwd", "note:///amalfa.config.json"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)


async def everything_said(client: Client) -> str:
    """All that the tools and resources say, with questions that go straight for the private notes."""
    said: list[str] = []
    question = f"What opens the {CANARY} safe?"
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("ask", {"question": "What opens the safe?"}),
        ("ask", {"question": "What is the kettle code of the vault?", "within": ["vault/**"]}),
        ("ask", {"question": "What opens the safe?", "task": "research"}),
        ("ask", {"question": "What opens the safe?", "within": ["secret.md"], "allow_general": True}),
        ("search", {"query": "safe"}),
        ("search", {"query": "kettle code vault", "k": 100}),
        ("metadata", {"path": "secret.md"}),
        ("metadata", {"path": "vault/codes.md"}),
        (
            "metadata",
            {"text": "A safe, a vault and a kettle, and the code that opens the safe of the vault in the house."},
        ),
    ]
    for name, arguments in attempts:
        said.append((await client.call_tool(name, arguments)).model_dump_json())
    said.append((await client.list_resources()).model_dump_json())
    for uri in ("note:///secret.md", "note:///vault/codes.md"):
        try:
            said.append((await client.read_resource(uri)).model_dump_json())
        except MCPError as error:
            said.append(f"{error.message} {error.data}")
    assert (await client.call_tool("ask", {"question": question})).structured_content["refused"]
    return "\n".join(said)


async def test_a_private_note_is_in_nothing_that_is_said(talk: Talk, ollama: InThread[OllamaSimulator]) -> None:
    before = len(ollama.simulator.requests)
    async with talk() as client:
        said = await everything_said(client)
    assert CANARY not in said
    assert "Codes" not in said
    sent = "".join(request.body.decode() for request in ollama.simulator.requests[before:])
    assert "The safe opens" not in sent, "not even the local model saw it"


async def test_private_notes_are_there_for_who_asks_for_them(talk: Talk) -> None:
    async with talk("--include-private") as client:
        listed = await client.list_resources()
        assert {"note:///secret.md", "note:///vault/codes.md"} <= {one.uri for one in listed.resources}
        assert CANARY in (await client.read_resource("note:///secret.md")).contents[0].text
        assert (await called(client, "search", query="safe"))["passages"][0]["path"] == "secret.md"
        assert (await called(client, "ask", question="What opens the safe?"))["citations"][0]["path"] == "secret.md"


async def test_what_was_said_over_private_notes_is_not_recalled_for_mcp(
    home: Home, talk: Talk, ollama: InThread[OllamaSimulator]
) -> None:
    assert CANARY in home.cli("ask", "What opens the safe?").stdout
    before = len(ollama.simulator.requests)
    async with talk() as client:
        await called(client, "ask", question=QUESTION, session="last")
    sent = "".join(request.body.decode() for request in ollama.simulator.requests[before:])
    assert "vinegar" in sent
    assert CANARY not in sent


async def test_a_sonar_that_dies_during_a_call_fails_that_call_and_the_next_one_starts_it_again(
    home: Home, talk: Talk, ollama: InThread[OllamaSimulator]
) -> None:
    ollama.idle()
    ollama.simulator.script(MODEL, {"text": "The kettle is descaled with vinegar [1].", "token_ms": 400})
    results: list[Any] = []

    async def ask(client: Client) -> None:
        results.append(await client.call_tool("ask", {"question": QUESTION}))

    async with talk() as client:
        async with anyio.create_task_group() as group:
            group.start_soon(ask, client)
            await until_asked(ollama)
            pid = home.pid
            os.kill(pid, signal.SIGKILL)
        # Its first thread may be gone while another one still holds the socket open.
        await anyio.to_thread.run_sync(wait_until, lambda: occupant_of(home.places.socket) != "live socket")
        assert results[0].is_error
        assert results[0].structured_content["error"]["code"] == "unreachable"
        assert (await called(client, "search", query="kettle"))["passages"]
        assert home.pid != pid


async def test_without_leave_to_start_sonar_the_tools_say_so_and_the_session_stands() -> None:
    with new_home() as home:
        async with talking_with(home, AMALFA_NO_AUTOSTART="1") as client:
            assert len((await client.list_tools()).tools) == len(TOOLS)
            error = await failed(client, "search", query="kettle")
            assert (error["code"], error["hint"]) == ("not_running", "amalfa sonar start")
            with pytest.raises(MCPError, match="not running"):
                await client.list_resources()
        assert home.daemons() == []


async def test_long_lists_come_in_pages() -> None:
    with new_home() as home:
        for number in range(130):
            home.write_note(f"n/{number:03}.md", f"# Note {number}\n\nText {number}.\n")
        async with talking_with(home) as client:
            first = await client.list_resources()
            second = await client.list_resources(cursor=first.next_cursor)
            assert (len(first.resources), len(second.resources), second.next_cursor) == (100, 31, None)
            assert len({one.uri for one in (*first.resources, *second.resources)}) == 131


def test_standard_output_carries_the_protocol_only(home: Home) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    ran = subprocess.run(
        [sys.executable, "-m", "amalfa", "mcp"],
        input=f"no json at all\n{json.dumps(hello)}\n",
        capture_output=True,
        text=True,
        env=home.environ,
        cwd=home.root,
        timeout=20,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    replies = [json.loads(line) for line in ran.stdout.splitlines()]
    assert all(reply["jsonrpc"] == "2.0" for reply in replies)
    assert next(r for r in replies if r.get("id") == 1)["result"]["serverInfo"]["name"] == "amalfa"
