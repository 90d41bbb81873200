"""Offers models, pipelines and jobs to a shell that completes. Has 50 ms, starts nothing, and fails in silence."""

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from amalfa.client.connection import request
from amalfa.client.document import Document
from amalfa.errors import AmalfaError
from amalfa.paths import find_project, places_for

PATIENCE_S = 0.05


def models(context: click.Context, typed: str) -> list[CompletionItem]:
    """The models sonar knows now: those in use, and those its hosts have loaded."""
    status = _ask_sonar(context, "/sonar/status")
    names = [status.item("inference").text("model")]
    for provider in status.items("providers"):
        for host in provider.items("hosts"):
            names += [f"{provider.text('name')}:{model}" for model in host.texts("loaded")]
    return [CompletionItem(name) for name in dict.fromkeys(names) if name and name.startswith(typed)]


def pipelines(context: click.Context, typed: str) -> list[CompletionItem]:
    """The pipelines sonar knows by name, and the files that could be one."""
    reply = _ask_sonar(context, "/sonar/pipelines")
    names = [one.text("name") for one in reply.items("pipelines")]
    found = [CompletionItem(name) for name in names if name and name.startswith(typed)]
    return [*found, CompletionItem(typed, type="file")]


def jobs(context: click.Context, typed: str) -> list[CompletionItem]:
    """The jobs sonar keeps, each with how it stands."""
    known = _ask_sonar(context, "/sonar/jobs").items("jobs")
    named = [(job.text("id"), f"{job.text('task')}, {job.text('state')}") for job in known]
    return [CompletionItem(name, help=told) for name, told in named if name.startswith(typed)]


def _ask_sonar(context: click.Context, route: str) -> Document:
    config = context.meta.get("amalfa.config")
    project = find_project(Path.cwd(), os.environ, config if isinstance(config, str) else None)
    if project is None:
        return Document({})
    try:
        return Document(request(places_for(project.root, os.environ).socket, "GET", route, timeout_s=PATIENCE_S).body)
    except AmalfaError:
        return Document({})
