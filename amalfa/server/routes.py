"""The table of routes: path, method, handler, the types of what goes in and out. OpenAPI is made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from amalfa.server import control, jobs, metrics, models, notes, pipelines, routing, usage, work
from amalfa.server.bodies import (
    AskBody,
    AskShown,
    HealthShown,
    ReloadShown,
    SearchBody,
    SearchShown,
    ShutdownBody,
    StoppingShown,
    TaskBody,
    TaskShown,
)
from amalfa.server.job_bodies import ItemsShown, JobBody, JobShown, JobsShown, SubmittedShown
from amalfa.server.metrics import MetricsPage
from amalfa.server.model_bodies import ActionBody, ActionShown, ModelShown, ModelsShown
from amalfa.server.notes import NotesShown, NoteText
from amalfa.server.ollama import chat as ollama_chat
from amalfa.server.ollama import embed as ollama_embed
from amalfa.server.ollama import generate as ollama_generate
from amalfa.server.ollama import listing as ollama_listing
from amalfa.server.ollama.bodies import OllamaChat, OllamaEmbed, OllamaGenerate, OllamaShow
from amalfa.server.ollama.shown import (
    Greeting,
    OllamaChatReply,
    OllamaGenerateReply,
    OllamaModel,
    OllamaTags,
    OllamaVectors,
    OllamaVersion,
)
from amalfa.server.openai import models as openai_models
from amalfa.server.openai.bodies import ChatBody, EmbeddingsBody
from amalfa.server.openai.completions import chat_completions
from amalfa.server.openai.embeddings import embeddings
from amalfa.server.openai.shown import ChatShown, VectorsShown
from amalfa.server.openai.shown import ModelShown as NameShown
from amalfa.server.openai.shown import ModelsShown as NamesShown
from amalfa.server.pipelines import PipelinesShown, RunBody, RunShown
from amalfa.server.routing import DryRunBody, DryRunShown
from amalfa.server.status import IndexReport, Status
from amalfa.server.usage import DecisionsShown, UsageReportShown


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One route. `takes` None means that it has no body; `does` is its line in the OpenAPI page."""

    method: str
    path: str
    handler: Callable[[Request], Awaitable[Response]]
    does: str
    gives: type[BaseModel]
    takes: type[BaseModel] | None = None
    streams: bool = False


ROUTES = (
    RouteRow("GET", "/sonar/health", control.health, "Whether sonar answers.", HealthShown),
    RouteRow("GET", "/sonar/status", control.status, "What sonar is and does now.", Status),
    RouteRow("POST", "/sonar/reload", control.reload, "Read the configuration again now.", ReloadShown),
    RouteRow("POST", "/sonar/shutdown", control.shut_down, "End sonar in order.", StoppingShown, ShutdownBody),
    RouteRow("GET", "/sonar/index", control.index_report, "The index of the notes.", IndexReport),
    RouteRow("POST", "/sonar/index/rebuild", control.rebuild_index, "Index all notes afresh.", IndexReport),
    RouteRow("GET", "/sonar/notes", notes.list_notes, "The notes of the index, a page at a time.", NotesShown),
    RouteRow("GET", "/sonar/notes/{path:path}", notes.show_note, "One note of the index with its text.", NoteText),
    RouteRow("POST", "/sonar/search", work.search_notes, "Ranked passages; no model.", SearchShown, SearchBody),
    RouteRow("POST", "/sonar/ask", work.answer_question, "Answer a question.", AskShown, AskBody, streams=True),
    RouteRow("POST", "/sonar/tasks/{task}", work.run_task, "Run one task.", TaskShown, TaskBody, streams=True),
    RouteRow("POST", "/sonar/jobs", jobs.submit_job, "Submit a job over many notes.", SubmittedShown, JobBody),
    RouteRow("GET", "/sonar/jobs", jobs.list_jobs, "All jobs, the newest first.", JobsShown),
    RouteRow("GET", "/sonar/jobs/{id}", jobs.show_job, "One job.", JobShown),
    RouteRow("GET", "/sonar/jobs/{id}/items", jobs.list_items, "Its notes, a page at a time.", ItemsShown),
    RouteRow("GET", "/sonar/jobs/{id}/events", jobs.follow_job, "Follow it, as events.", JobShown, streams=True),
    RouteRow("DELETE", "/sonar/jobs/{id}", jobs.cancel_job, "Cancel it.", JobShown),
    RouteRow("POST", "/sonar/jobs/{id}/retry", jobs.retry_job, "Do what failed once more.", JobShown),
    RouteRow("POST", "/sonar/jobs/{id}/pause", jobs.pause_job, "Take up nothing more of it.", JobShown),
    RouteRow("POST", "/sonar/jobs/{id}/resume", jobs.resume_job, "Go on with it now.", JobShown),
    RouteRow("POST", "/sonar/route", routing.dry_run, "What would serve, and why; no model.", DryRunShown, DryRunBody),
    RouteRow("GET", "/sonar/pipelines", pipelines.list_pipelines, "The layered pipelines.", PipelinesShown),
    RouteRow("POST", "/sonar/pipelines/run", pipelines.run_pipeline, "Run one.", RunShown, RunBody, streams=True),
    RouteRow("GET", "/sonar/models", models.list_models, "Every model sonar knows of.", ModelsShown),
    RouteRow("POST", "/sonar/models/{name:path}/load", models.load_model, "Load.", ActionShown, ActionBody, True),
    RouteRow("POST", "/sonar/models/{name:path}/unload", models.unload_model, "Unload.", ActionShown, ActionBody, True),
    RouteRow("POST", "/sonar/models/{name:path}/pull", models.pull_model, "Pull.", ActionShown, ActionBody, True),
    RouteRow("GET", "/sonar/models/{name:path}", models.show_model, "What is known of one model.", ModelShown),
    RouteRow("GET", "/sonar/usage", usage.usage, "Calls, tokens, money and times.", UsageReportShown),
    RouteRow("GET", "/sonar/decisions", usage.decisions, "The last decisions, newest first.", DecisionsShown),
    RouteRow("GET", "/v1/models", openai_models.list_models, "The names of models, for OpenAI clients.", NamesShown),
    RouteRow("GET", "/v1/models/{name:path}", openai_models.show_model, "One of these names.", NameShown),
    RouteRow("POST", "/v1/chat/completions", chat_completions, "Chat, for OpenAI clients.", ChatShown, ChatBody, True),
    RouteRow("POST", "/v1/embeddings", embeddings, "Vectors, for OpenAI clients.", VectorsShown, EmbeddingsBody),
    RouteRow("GET", "/metrics", metrics.metrics, "Counters in Prometheus' text format.", MetricsPage),
    RouteRow("POST", "/api/chat", ollama_chat.chat, "As Ollama: a conversation.", OllamaChatReply, OllamaChat, True),
    RouteRow(
        "POST",
        "/api/generate",
        ollama_generate.generate,
        "As Ollama: a prompt.",
        OllamaGenerateReply,
        OllamaGenerate,
        True,
    ),
    RouteRow("POST", "/api/embed", ollama_embed.embed, "As Ollama: vectors of texts.", OllamaVectors, OllamaEmbed),
    RouteRow("GET", "/api/tags", ollama_listing.tags, "As Ollama: the models.", OllamaTags),
    RouteRow("POST", "/api/show", ollama_listing.show, "As Ollama: one model.", OllamaModel, OllamaShow),
    RouteRow("GET", "/api/version", ollama_listing.version, "As Ollama: the version.", OllamaVersion),
    RouteRow("GET", "/", ollama_listing.greet, "Whether anybody is there, for clients of Ollama.", Greeting),
)
