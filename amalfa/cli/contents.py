"""The commands there are: where each one lives, what it does in one line, and under which heading help shows it."""

from collections.abc import Mapping

Entry = tuple[str, str]
"""Where the command is ("module:attribute") and its one-line help."""

Contents = Mapping[str, Mapping[str, Entry]]
"""Heading → command → entry, in the order of the help page."""

_HERE = "amalfa.cli.commands"

TOP: Contents = {
    "Questions": {
        "ask": (f"{_HERE}.ask:ask", "Answer a question from the notes, with citations."),
        "search": (f"{_HERE}.notes:search", "Find passages in the notes, without a model."),
    },
    "Tasks": {
        "analyze": (f"{_HERE}.tasks:analyze", "Tell what a query is after."),
        "metadata": (f"{_HERE}.tasks:metadata", "Describe notes: title, summary, keywords, kind."),
        "snippet": (f"{_HERE}.tasks:snippet", "Find the lines of a file that answer a query."),
        "synthesize": (f"{_HERE}.tasks:synthesize", "Answer a question from the files given."),
        "extract": (f"{_HERE}.extract:extract", "Put what a text says into the form of a JSON Schema."),
    },
    "Sonar": {
        "sonar": (f"{_HERE}.sonar:sonar", "Start, stop and watch the daemon; chat with it."),
        "index": (f"{_HERE}.notes:index", "Look at the notes index or build it anew."),
        "usage": (f"{_HERE}.usage:usage", "Tell what was used: calls, tokens, money, times."),
        "jobs": (f"{_HERE}.jobs:jobs", "Look at and steer the work over many notes."),
        "models": (f"{_HERE}.models:models", "List, load, unload and pull models."),
        "route": (f"{_HERE}.route:route", "Show which model would answer, and why; asks none."),
        "pipeline": (f"{_HERE}.pipeline:pipeline", "Check, draw and run layered pipelines."),
        "mcp": (f"{_HERE}.mcp:mcp", "Serve tools and notes to an MCP client on stdin and stdout."),
    },
    "Set-up": {
        "init": (f"{_HERE}.setup:init", "Write a commented configuration into this folder."),
        "config": (f"{_HERE}.configuration:config", "Show, check and edit the configuration."),
        "trust": (f"{_HERE}.trust:trust", "Approve what this project's configuration asks for."),
        "doctor": (f"{_HERE}.doctor:doctor", "Check the whole set-up and say how to mend it."),
        "completion": (f"{_HERE}.completion:completion", "Print the completion script of a shell."),
    },
}

SONAR: Contents = {
    "Life": {
        "start": (f"{_HERE}.sonar:start", "Start sonar in the background."),
        "stop": (f"{_HERE}.sonar:stop", "Stop sonar; running calls are finished first."),
        "restart": (f"{_HERE}.sonar:restart", "Stop sonar and start it anew."),
        "run": (f"{_HERE}.sonar:run", "Run sonar in the foreground."),
    },
    "Watching": {
        "status": (f"{_HERE}.sonar:status", "Say whether sonar runs, and how it is."),
        "reload": (f"{_HERE}.sonar:reload", "Read the configuration again, now."),
        "logs": (f"{_HERE}.sonar:logs", "Print the last lines of sonar's log."),
    },
    "Programs": {"token": (f"{_HERE}.sonar:token", "Print the token of the TCP port.")},
    "Talking": {"chat": (f"{_HERE}.chat:chat", "Talk with the notes; `/help` lists what can be typed.")},
}

INDEX: Contents = {
    "Commands": {
        "status": (f"{_HERE}.notes:index_status", "Say what is indexed, and what was skipped."),
        "rebuild": (f"{_HERE}.notes:index_rebuild", "Read all notes again."),
    },
}

MODELS: Contents = {
    "Commands": {
        "list": (f"{_HERE}.models:list_models", "List the models at hand, local and cloud."),
        "info": (f"{_HERE}.models:info", "Tell everything that is known of one model."),
        "load": (f"{_HERE}.models:load", "Bring a local model into memory."),
        "unload": (f"{_HERE}.models:unload", "Take a local model out of memory."),
        "pull": (f"{_HERE}.models:pull", "Download a model to an Ollama host."),
    },
}

JOBS: Contents = {
    "Commands": {
        "list": (f"{_HERE}.jobs:list_jobs", "List the jobs, the newest first."),
        "show": (f"{_HERE}.jobs:show", "Follow a job, then report on it."),
        "cancel": (f"{_HERE}.jobs:cancel", "Stop a job; what it has made is kept."),
        "retry": (f"{_HERE}.jobs:retry", "Try again what failed or was cancelled."),
        "pause": (f"{_HERE}.jobs:pause", "Begin with no more notes of a job."),
        "resume": (f"{_HERE}.jobs:resume", "Go on with a paused or waiting job."),
    },
}

PIPELINE: Contents = {
    "Commands": {
        "check": (f"{_HERE}.pipeline:check", "List every problem of a pipeline; needs no daemon."),
        "show": (f"{_HERE}.pipeline:show", "Draw the layers of a pipeline."),
        "run": (f"{_HERE}.pipeline:run", "Send a prompt through a pipeline."),
    },
}

CONFIG: Contents = {
    "Commands": {
        "show": (f"{_HERE}.configuration:show", "Print the configuration in force."),
        "check": (f"{_HERE}.configuration:check", "List every problem of the configuration; needs no daemon."),
        "get": (f"{_HERE}.configuration:get", "Print one value."),
        "set": (f"{_HERE}.configuration:set_value", "Change one value in the file, keeping the rest of it."),
        "path": (f"{_HERE}.configuration:path", "Print where the configuration file is."),
        "schema": (f"{_HERE}.configuration:schema", "Print the JSON Schema of the configuration."),
    },
}
