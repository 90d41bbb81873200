"""The tools: what each takes and gives, which of sonar's routes it calls, and how its result reads."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from mcp.types import TextContent, Tool, ToolAnnotations
from pydantic import BaseModel, Field, create_model

from amalfa.client.document import Document
from amalfa.mcp import texts
from amalfa.mcp.arguments import arguments_of, body_of
from amalfa.mcp.sonar import Calls, Tell
from amalfa.server.bodies import AskBody, AskShown, Body, CallBody, SearchBody, SearchShown, TaskShown
from amalfa.server.model_bodies import ActionBody, ActionShown, ModelShown, ModelsShown
from amalfa.server.usage import UsageQuery, UsageReportShown
from amalfa.tasks.catalog import CATALOG


@dataclass(frozen=True, slots=True)
class Session:
    """What a call stands on. `hides_private`: local-only notes are as if they were not there."""

    calls: Calls
    hides_private: bool

    @property
    def limits(self) -> dict[str, object]:
        """What every body about notes carries."""
        return {"withoutPrivate": True} if self.hides_private else {}


Run = Callable[[Session, Any, Tell], Awaitable[Document]]


@dataclass(frozen=True, slots=True)
class SonarTool:
    """One tool. `is_read` it changes nothing, `is_risky` it may take away something that is in use."""

    name: str
    title: str
    does: str
    takes: type[BaseModel]
    gives: type[BaseModel]
    run: Run
    reads_as: Callable[[Document], str]
    is_read: bool = True
    is_risky: bool = False
    leaves_machine: bool = False

    def shown(self) -> Tool:
        """The tool as clients are told of it."""
        return Tool(
            name=self.name,
            title=self.title,
            description=self.does,
            input_schema=self.takes.model_json_schema(),
            output_schema=self.gives.model_json_schema(mode="serialization"),
            annotations=ToolAnnotations(
                title=self.title,
                read_only_hint=self.is_read,
                destructive_hint=self.is_risky,
                idempotent_hint=True,
                open_world_hint=self.leaves_machine,
            ),
        )

    def content(self, reply: Document) -> list[TextContent]:
        return [TextContent(type="text", text=self.reads_as(reply))]


class NamesModel(Body):
    model: str = Field(min_length=1, max_length=300)


class ListModels(Body):
    query: str | None = Field(default=None, min_length=1, max_length=300)
    all: bool = False


async def _list_models(session: Session, given: ListModels, tell: Tell) -> Document:
    wanted = {"q": given.query or "", "all": "true" if given.all else ""}
    query = urlencode({name: value for name, value in wanted.items() if value})
    return await session.calls.read(f"/sonar/models?{query}" if query else "/sonar/models")


async def _model_info(session: Session, given: NamesModel, tell: Tell) -> Document:
    return await session.calls.read(_model_path(given.model))


async def _load_model(session: Session, given: NamesModel, tell: Tell) -> Document:
    return await session.calls.follow(f"{_model_path(given.model)}/load", body_of(given, only=ActionBody), tell)


async def _unload_model(session: Session, given: NamesModel, tell: Tell) -> Document:
    return await session.calls.follow(f"{_model_path(given.model)}/unload", body_of(given, only=ActionBody), tell)


def _model_path(name: str) -> str:
    return f"/sonar/models/{quote(name, safe='/:')}"


async def _ask(session: Session, given: BaseModel, tell: Tell) -> Document:
    return await session.calls.follow("/sonar/ask", {**body_of(given), **session.limits}, tell)


async def _search(session: Session, given: BaseModel, tell: Tell) -> Document:
    return await session.calls.send("/sonar/search", {**body_of(given), **session.limits})


async def _usage(session: Session, given: BaseModel, tell: Tell) -> Document:
    return await session.calls.read(f"/sonar/usage?{urlencode(body_of(given))}")


def _task(name: str) -> tuple[type[BaseModel], type[BaseModel], Run]:
    """What a task takes and gives as a tool, and the tool's work."""
    task = CATALOG[name]

    async def run(session: Session, given: BaseModel, tell: Tell) -> Document:
        body = {"input": body_of(given, only=task.given), **body_of(given, only=CallBody), **session.limits}
        return await session.calls.follow(f"/sonar/tasks/{name}", body, tell)

    gives: dict[str, Any] = {"output": (task.made, ...)}
    shown = create_model(f"{name.title()}Shown", __base__=TaskShown, **gives)
    return arguments_of(f"{name.title()}Arguments", task.given, CallBody), shown, run


def _tools() -> tuple[SonarTool, ...]:
    analyze_takes, analyze_gives, analyze = _task("analyze")
    metadata_takes, metadata_gives, metadata = _task("metadata")
    return (
        SonarTool(
            "list_models",
            "List models",
            "List the models at hand, local and cloud: tier, whether installed and in memory, price.",
            arguments_of("ListModelsArguments", ListModels),
            ModelsShown,
            _list_models,
            texts.models,
        ),
        SonarTool(
            "model_info",
            "Tell of a model",
            "Tell everything that is known of one model: size, context, abilities, hosts, price.",
            arguments_of("ModelInfoArguments", NamesModel),
            ModelShown,
            _model_info,
            texts.model,
        ),
        SonarTool(
            "load_model",
            "Load a model",
            "Bring a local model into memory. With dry_run, tell what would happen: where, and what it pushes out.",
            arguments_of("LoadModelArguments", NamesModel, ActionBody, without=frozenset({"force"})),
            ActionShown,
            _load_model,
            texts.action,
            is_read=False,
        ),
        SonarTool(
            "unload_model",
            "Unload a model",
            "Take a local model out of memory. Refused while calls are running on it, unless force is given.",
            arguments_of("UnloadModelArguments", NamesModel, ActionBody),
            ActionShown,
            _unload_model,
            texts.action,
            is_read=False,
            is_risky=True,
        ),
        SonarTool(
            "ask",
            "Ask the notes",
            "Answer a question from the user's Markdown notes, with citations that were checked; refuses when the"
            " notes hold too little. Costs time, and money where a cloud model is configured.",
            arguments_of("AskArguments", AskBody),
            AskShown,
            _ask,
            texts.answer,
            leaves_machine=True,
        ),
        SonarTool(
            "search",
            "Search the notes",
            "Find passages in the notes, the best first, with path and lines. Asks no model.",
            arguments_of("SearchArguments", SearchBody),
            SearchShown,
            _search,
            texts.passages,
        ),
        SonarTool(
            "analyze",
            "Analyze a query",
            "Tell what a query is after: intent, entities, keywords, better queries.",
            analyze_takes,
            analyze_gives,
            analyze,
            texts.task,
            leaves_machine=True,
        ),
        SonarTool(
            "metadata",
            "Describe a note",
            "Describe a note or a text: title, summary, keywords, kind, related notes. Writes nothing.",
            metadata_takes,
            metadata_gives,
            metadata,
            texts.task,
            leaves_machine=True,
        ),
        SonarTool(
            "usage",
            "Tell what was used",
            "Tell calls, tokens, money and times by model, task, team or day.",
            arguments_of("UsageArguments", UsageQuery),
            UsageReportShown,
            _usage,
            texts.usage,
        ),
    )


TOOLS = {tool.name: tool for tool in _tools()}
"""Every tool under its name, in the order in which clients are told of them."""
