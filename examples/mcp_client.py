"""Asks the notes of the current folder over MCP: python examples/mcp_client.py "How do I rotate the keys?"

Needs the extra: pip install "amalfa[mcp]". AMALFA_COMMAND names another command than `amalfa`.
"""

import asyncio
import os
import shlex
import sys

from mcp import Client, StdioServerParameters


async def main(question: str) -> int:
    command, *arguments = shlex.split(os.environ.get("AMALFA_COMMAND", "amalfa"))
    server = StdioServerParameters(command=command, args=[*arguments, "mcp"], env=dict(os.environ))
    async with Client(server) as client:
        tools = await client.list_tools()
        sys.stdout.write(f"Tools: {', '.join(tool.name for tool in tools.tools)}\n")
        answer = await client.call_tool("ask", {"question": question}, progress_callback=show)
        sys.stdout.writelines(f"{block.text}\n" for block in answer.content if block.type == "text")
        return 1 if answer.is_error else 0


async def show(progress: float, total: float | None, message: str | None) -> None:
    sys.stderr.write(f"… {message}\n")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
