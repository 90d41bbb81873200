"""The MCP server on standard input and output. What it can do is in `tools` and `resources`."""

import logging
import signal
from typing import Any

import anyio
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextContent,
)

from amalfa import __version__
from amalfa.errors import AmalfaError
from amalfa.mcp import resources
from amalfa.mcp.arguments import read_arguments
from amalfa.mcp.sonar import Calls, Sonar, error_fields
from amalfa.mcp.tools import TOOLS, Session, SonarTool

log = logging.getLogger("amalfa.mcp")

INSTRUCTIONS = """Amalfa answers questions from the user's own Markdown notes and manages the language models it uses. \
Use `ask` for an answer with citations, `search` for raw passages, and the resources for whole notes."""

_Context = ServerRequestContext[Any, Any]
_CALLERS_FAULT = frozenset({"usage", "not_found"})


def serve(sonar: Sonar, *, include_private: bool) -> None:
    """Serve one client until it closes standard input. Nothing but the protocol is written to standard output."""
    logging.basicConfig(level=logging.WARNING)  # to standard error
    # A thread waits for standard input and cannot be told to stop, so Ctrl-C has to end the process itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    anyio.run(_serve, sonar, include_private)


async def _serve(sonar: Sonar, include_private: bool) -> None:
    server = make_server(Session(Calls(sonar), hides_private=not include_private))
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def make_server(session: Session) -> Server[Any]:
    """The server, on whatever transport it is run."""
    handlers = _Handlers(session)
    return Server(
        "amalfa",
        version=__version__,
        title="Amalfa Sonar",
        instructions=INSTRUCTIONS,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_templates,
        on_read_resource=handlers.read_resource,
    )


class _Handlers:
    """What is done for each request of the protocol."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_tools(self, context: _Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[tool.shown() for tool in TOOLS.values()])

    async def call_tool(self, context: _Context, params: CallToolRequestParams) -> CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name}. There are {', '.join(TOOLS)}.")
        try:
            return await _called(tool, params.arguments or {}, self._session, context)
        except AmalfaError as error:
            return _failed(error)
        except Exception:  # the boundary of one call: it fails alone, and its trace goes to standard error
            log.exception("the tool %s failed unexpectedly", tool.name)
            return _failed(AmalfaError("The tool failed unexpectedly.", hint="see the log of the MCP server"))

    async def list_resources(self, context: _Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        try:
            return await resources.list_notes(self._session, params.cursor if params else None)
        except AmalfaError as error:
            raise _refused(error) from None

    async def list_templates(
        self, context: _Context, params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=[resources.TEMPLATE])

    async def read_resource(self, context: _Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        try:
            return await resources.read_note(self._session, params.uri)
        except AmalfaError as error:
            raise _refused(error) from None


async def _called(tool: SonarTool, given: dict[str, Any], session: Session, context: _Context) -> CallToolResult:
    arguments = read_arguments(tool.takes, given)
    steps = 0

    async def tell(text: str) -> None:
        nonlocal steps
        steps += 1
        await context.session.report_progress(steps, message=text)

    reply = await tool.run(session, arguments, tell)
    return CallToolResult(content=list(tool.content(reply)), structured_content=reply.fields())


def _failed(error: AmalfaError) -> CallToolResult:
    """The failure as the result of the call, for the model to read; the session goes on."""
    hint = f" Fix: {error.hint}" if error.hint else ""
    problems = getattr(error, "problems", ())
    lines = [f"Error ({error.code}): {error.message}{hint}", *(f"  {problem}" for problem in problems)]
    text = TextContent(type="text", text="\n".join(lines))
    return CallToolResult(content=[text], structured_content={"error": error_fields(error)}, is_error=True)


def _refused(error: AmalfaError) -> MCPError:
    code = INVALID_PARAMS if error.code in _CALLERS_FAULT else INTERNAL_ERROR
    return MCPError(code, error.message, error_fields(error))
