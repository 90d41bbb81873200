"""The command line of the simulators: options, the one line that says where it listens, a clean end."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.upstreams.anthropic import KEY, AnthropicSimulator
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.script import BadScript
from tests.upstreams.simulator import Simulator, listed

_SCRIPT_FORMAT = """\
script format (JSON): a list of steps, or an object of lists. Keys of the object are a model name
("qwen2.5:1.5b"), a path ("/api/tags"), "*" (any text request), "load" or "load:MODEL" (Ollama loading it),
"connect" (a new connection). Steps are used up in order; {"queue": [...], "then": {...}} stays with `then`.

  [{"text": "first answer"}, {"status": 503, "body": {"error": "busy"}, "headers": {"Retry-After": "1"}},
   {"fault": "cut_after:3"}, {"fault": ["drip:20", "no_done"], "text": "slow", "delay_ms": 200, "times": 2}]

  content   text, chunks, json, thinking, tool_calls, finish, usage
  instead   status + body + headers, error (a named one), fault: reset hang close html empty redirect:URL
            gzip_bomb:MB long_line:MB cloudflare:CODE
  mid-way   fault: cut_before_first cut_after:N reset_after:N stall_after:N end_after:N half_frame_after:N
            bad_chunk_after:N no_done no_finish no_usage error_line:N crash:N repeat_guard endless
  wire      fault: drip:MS slow_head:MS split:BYTES merge crlf multiline_data bad_utf8 short_body excess_body
            no_length gzip wrong_type close_idle
  time      delay_ms, token_ms; times repeats a step

Everything is described in tests/upstreams/README.md.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code: 0, or 2 for a bad script or a port in use."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(_built(options), options.script))
    except (BadScript, OSError) as problem:
        sys.stderr.write(f"Error: {problem}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.upstreams", description="Simulated model servers.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    ollama = _kind(kinds, "ollama", "an Ollama server")
    ollama.add_argument("--models", type=listed, default=["qwen2.5:1.5b", "nomic-embed-text"], metavar="A,B")
    ollama.add_argument("--load-s", type=float, default=0.0, help="seconds a cold load takes")
    ollama.add_argument("--token-ms", type=float, default=5.0, help="milliseconds per generated piece")
    ollama.add_argument("--prefill-ms", type=float, default=0.0, help="milliseconds per prompt piece")
    ollama.add_argument("--max-loaded", type=int, default=3, help="models in memory at one time")
    ollama.add_argument("--parallel", type=int, default=1, help="slots per model")
    openrouter = _kind(kinds, "openrouter", "the OpenRouter service")
    openrouter.add_argument("--key", action="append", metavar="sk-or-…", help="a valid key; may be repeated")
    openrouter.add_argument("--token-ms", type=float, default=5.0, help="milliseconds per generated piece")
    anthropic = _kind(kinds, "anthropic", "Anthropic's Messages API")
    anthropic.add_argument("--key", action="append", metavar="sk-ant-…", help="a valid key; may be repeated")
    anthropic.add_argument("--token-ms", type=float, default=5.0, help="milliseconds per generated piece")
    return parser


def _kind(
    kinds: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, what: str
) -> argparse.ArgumentParser:
    kind = kinds.add_parser(
        name, help=what, epilog=_SCRIPT_FORMAT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kind.add_argument("--port", type=int, default=0, help="0 takes a free one")
    kind.add_argument("--script", type=Path, metavar="FILE", help="what to answer; see below")
    return kind


def _built(options: argparse.Namespace) -> Simulator:
    if options.kind == "openrouter":
        keys = options.key or ["sk-or-v1-simulated"]
        return OpenRouterSimulator(keys=keys, port=options.port, token_ms=options.token_ms)
    if options.kind == "anthropic":
        return AnthropicSimulator(keys=options.key or [KEY], port=options.port, token_ms=options.token_ms)
    return OllamaSimulator(
        options.models,
        port=options.port,
        load_s=options.load_s,
        token_ms=options.token_ms,
        prefill_ms=options.prefill_ms,
        max_loaded=options.max_loaded,
        num_parallel=options.parallel,
    )


async def _serve(simulator: Simulator, script: Path | None) -> None:
    if script is not None:
        simulator.load_script(script)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with simulator:
        sys.stdout.write(f"listening on {simulator.url}\n")
        sys.stdout.flush()
        await stopping.wait()
