"""The documents say what the program does: links, commands, settings, variables, errors, libraries and examples."""

import ast
import importlib
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import click
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BaseModel

import amalfa
from amalfa.cli.program import make_program
from amalfa.config.edit import set_value
from amalfa.config.environment import VARIABLES
from amalfa.config.examine import examine
from amalfa.config.fields import SettingRow, setting_rows
from amalfa.config.routing_settings import Hint, Preferences, Strategy
from amalfa.config.unread import is_unread
from amalfa.config.values import camel_case
from amalfa.daemon.generation import TASK_DEFAULTS
from amalfa.errors import AmalfaError
from amalfa.execution import asking, breaker, candidates, cooling, free_tier, retry, signals
from amalfa.execution.counters import Counters
from amalfa.paths import Project
from amalfa.pipelines.check import find_problems
from amalfa.pipelines.reading import read_pipeline_text
from amalfa.routing import seats
from amalfa.routing.policy import _CODES
from amalfa.server.metrics import Gauges, metrics_text
from amalfa.server.routes import ROUTES
from amalfa.tasks.catalog import CATALOG

ROOT = Path(__file__).parent.parent
PLAYBOOKS = ROOT / "playbooks"
MANUAL = PLAYBOOKS / "sonar-manual.md"
ROUTING = PLAYBOOKS / "routing.md"
DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(PLAYBOOKS.rglob("*.md")))
EXAMPLES = tuple(sorted((ROOT / "examples").glob("*.json")))
PIPELINES = tuple(sorted((ROOT / "examples" / "pipelines").glob("*.json")))

FROZEN_EXIT_CODES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130)
OUTSIDE = ("http://", "https://", "mailto:")


def _of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _tokens(path: Path) -> Iterator[Token]:
    for token in MarkdownIt().enable("table").parse(_text(path)):
        yield token
        yield from token.children or ()


def _fences(path: Path, *languages: str) -> Iterator[str]:
    return (t.content for t in _tokens(path) if t.type == "fence" and t.info.strip() in languages)


def _rows(text: str) -> Iterator[list[str]]:
    """The rows of all tables in a text, cell by cell; `\\|` inside a cell is a bar."""
    for line in text.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            yield [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _section(path: Path, heading: str) -> str:
    """The text below a heading, up to the next one of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(heading)}$(.*?)(?=^#{{1,6}} |\Z)", _text(path), re.DOTALL | re.MULTILINE)
    assert found, f"{_of(path)} has no heading {heading!r}"
    level = len(found[1])
    rest = _text(path)[found.start(2) :]
    end = re.search(rf"^#{{1,{level}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _anchors(path: Path) -> set[str]:
    return {_slug(line.lstrip("# ")) for line in _text(path).splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", DOCUMENTS, ids=_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [str(token.attrs["href"]) for token in _tokens(page) if token.type == "link_open"]
    for target in targets:
        path, _, anchor = target.partition("#")
        if target.startswith(OUTSIDE):
            continue
        there = (page.parent / path) if path else page
        assert there.exists(), f"{_of(page)} links to {target}"
        assert not anchor or anchor in _anchors(there), f"{_of(page)} links to {target}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = [str(token.attrs["href"]) for token in _tokens(page) if token.type == "link_open"]
        waiting += [
            (page.parent / link.partition("#")[0]).resolve() for link in links if not link.startswith((*OUTSIDE, "#"))
        ]
    assert set(DOCUMENTS) <= seen


@pytest.mark.parametrize("page", DOCUMENTS, ids=_of)
def test_no_page_speaks_of_one_machine_or_shouts(page: Path) -> None:
    text = _text(page)
    assert not re.findall(r"/(?:root|work|home/\w+|Users/\w+)/", text)
    assert not re.findall("[\U0001f300-\U0001faff\u2600-\u27bf]", text)
    assert not re.findall(r"\b(?:TODO|FIXME|XXX)\b", text)


def _commands(page: Path) -> Iterator[str]:
    """Every command line of amalfa in code blocks and in code spans."""
    lines = [line for block in _fences(page, "sh", "console", "bash") for line in block.splitlines()]
    spans = [token.content for token in _tokens(page) if token.type == "code_inline"]
    for line in (*lines, *spans):
        for part in re.split(r"\s*(?:\||&&|;)\s+|\"?\$\(|\)\"?", line.removeprefix("$ ")):
            words = re.sub(r"^(?:[A-Z_]+=\S+\s+)*", "", part.strip())
            if words == "amalfa" or words.startswith("amalfa "):
                yield words


def _resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words name, and the words that are left for it."""
    command: click.Command = make_program()
    at = 0
    while isinstance(command, click.Group) and at < len(words) and not words[at].startswith("-"):
        inner = command.get_command(click.Context(command), words[at])
        assert inner is not None, f"there is no command {words[at]!r}"
        command, at = inner, at + 1
    return command, words[at:]


def _flags(command: click.Command) -> set[str]:
    # A command remembers the help option of the first context it is shown in.
    parameters = command.get_params(click.Context(command, help_option_names=["-h", "--help"]))
    return {flag for parameter in parameters for flag in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("page", DOCUMENTS, ids=_of)
def test_every_command_that_is_mentioned_exists(page: Path) -> None:
    for line in _commands(page):
        command, rest = _resolve(shlex.split(line, comments=True)[1:])
        for word in rest:
            flag = word.partition("=")[0]
            if re.fullmatch(r"--?[A-Za-z][\w-]*", flag):
                assert flag in _flags(command), f"{_of(page)}: {line!r} has no flag {flag}"


def _every_command(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    for name in command.list_commands(click.Context(command)):
        inner = command.get_command(click.Context(command), name)
        assert inner is not None
        yield from _every_command(inner, (*path, name))


def test_every_command_is_in_the_readme() -> None:
    mentioned = {tuple(shlex.split(line, comments=True)) for line in _commands(ROOT / "README.md")}
    for path in _every_command(make_program(), ("amalfa",)):
        assert any(words[: len(path)] == path for words in mentioned), f"README.md leaves out {' '.join(path)}"


def _modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(amalfa.__path__, "amalfa."):
        if not found.name.endswith("__main__"):
            yield found.name


@cache
def _codes() -> dict[str, int]:
    """Every error code of the program with its exit code."""
    for name in _modules():
        importlib.import_module(name)
    waiting: list[type[AmalfaError]] = [AmalfaError]
    found: dict[str, int] = {}
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind.exit_code)
        waiting += kind.__subclasses__()
    return found


def test_the_manual_explains_exactly_the_exit_codes_there_are() -> None:
    explained: dict[int, set[str]] = {}
    for found in re.finditer(r"^### What exit code (\d+) means$", _text(MANUAL), re.MULTILINE):
        body = _section(MANUAL, f"What exit code {found[1]} means")
        listed = re.search(r"Error codes: (.*?)\.", body, re.DOTALL)
        explained[int(found[1])] = set(re.findall(r"`(\w+)`", listed[1])) if listed else set()
    assert tuple(sorted(explained)) == FROZEN_EXIT_CODES
    in_code: dict[int, set[str]] = {code: set() for code in FROZEN_EXIT_CODES}
    for error, exit_code in _codes().items():
        in_code[exit_code].add(error)
    assert explained == in_code


def test_the_readme_lists_the_same_exit_codes() -> None:
    codes = [int(row[0]) for row in _rows(_text(ROOT / "README.md")) if row[0].isdigit()]
    assert tuple(codes) == FROZEN_EXIT_CODES


def test_every_error_code_has_a_line_in_troubleshooting() -> None:
    lines = {row[0].strip("`") for row in _rows(_text(PLAYBOOKS / "troubleshooting.md"))}
    assert set(_codes()) <= lines


@cache
def _sentences() -> tuple[str, ...]:
    """Every text of the source, with `…` in place of what is filled in."""
    found: list[str] = []
    for path in sorted((ROOT / "amalfa").rglob("*.py")):
        for node in ast.walk(ast.parse(_text(path))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return tuple(found)


def test_troubleshooting_quotes_texts_that_the_program_prints() -> None:
    headings = re.findall(r"^### (.+)$", _text(PLAYBOOKS / "troubleshooting.md"), re.MULTILINE)
    assert len(headings) > 30
    for heading in headings:
        pieces = [re.escape(piece.strip()) for piece in heading.replace("`", "").split("…")]
        wanted = re.compile(".*?".join(pieces), re.DOTALL)
        assert any(wanted.search(text.replace("`", "")) for text in _sentences()), heading


def _shown(value: object) -> str:
    """A default as the table of settings shows it."""
    if value is None:
        return "none"
    plain = value.model_dump(by_alias=True, exclude_defaults=True) if isinstance(value, BaseModel) else value
    if isinstance(plain, dict) or hasattr(plain, "keys"):
        plain = {}
    return f"`{json.dumps(list(plain) if isinstance(plain, tuple) else plain, ensure_ascii=False)}`"


def setting_line(row: SettingRow) -> str:
    """One row of the table of settings."""
    unread = " Not read yet." if is_unread(row.key) else ""
    return f"| `{row.key}` | {_shown(row.default)} | {row.description}{unread} |".replace("\\|", "|")


def test_the_table_of_settings_is_the_settings() -> None:
    wanted = [setting_line(row) for row in setting_rows()]
    found = [line for line in _section(MANUAL, "All settings").splitlines() if line.startswith("| `")]
    assert sorted(found) == sorted(wanted), "\n".join(wanted)


_READ = re.compile(r"""environ(?:\.get|\.pop)?[(\[]\s*["'](\w+)["']|os\.getenv\(["'](\w+)["']""")


def _names_read() -> set[str]:
    found = {variable.name for variable in VARIABLES}
    for path in (ROOT / "amalfa").rglob("*.py"):
        found |= {name for pair in _READ.findall(_text(path)) for name in pair if name}
    return found


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    body = _section(MANUAL, "Environment variables")
    documented = set(re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE))
    assert documented == _names_read() | {"_AMALFA_COMPLETE"}


def test_the_dependencies_page_lists_exactly_what_is_installed() -> None:
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]
    groups = {
        "Which libraries amalfa needs to run": project["dependencies"],
        "Which libraries are optional": [
            *project["optional-dependencies"]["mcp"],
            *project["optional-dependencies"]["telemetry"],
        ],
        "Which libraries the tests need": project["optional-dependencies"]["test"],
        "Which tools check the code": project["optional-dependencies"]["check"],
    }
    for heading, listed in groups.items():
        body = _section(PLAYBOOKS / "dependencies.md", heading)
        documented = set(re.findall(r"^\| `([\w.-]+)` \|", body, re.MULTILINE))
        names = [re.match(r"[\w.-]+", one) for one in listed]
        assert documented == {name[0] for name in names if name}, heading


def test_the_table_of_routes_is_the_routes() -> None:
    body = _section(MANUAL, "Which HTTP routes sonar has")
    documented = set(re.findall(r"^\| `((?:GET|POST|DELETE) \S+?)` \|", body, re.MULTILINE))
    assert documented == {f"{row.method} {row.path.replace(':path', '')}" for row in ROUTES} | {"GET /openapi.json"}


def _strings(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _refusal_codes() -> set[str]:
    """The code of every refusal: pairs that rules return, arguments of whoever refuses, states that forbid."""
    found = set(_CODES.values())
    for name in ("routing/forbidden.py", "routing/policy.py", "execution/executor.py"):
        for node in ast.walk(ast.parse(_text(ROOT / "amalfa" / name))):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and name.endswith("forbidden.py"):
                found |= set(_strings(node.value.elts[0]))
            if isinstance(node, ast.Call) and len(node.args) > 1:
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                found |= set(_strings(node.args[1])) if called in ("_refuse", "refuse", "skip") else set()
    return found


def test_routing_explains_every_code_of_a_refusal_and_no_other() -> None:
    rows = _rows(_section(ROUTING, "Why a model is refused"))
    assert {row[0].strip("`") for row in rows if row[0].startswith("`")} == _refusal_codes()


def test_routing_lists_every_metric_with_its_labels() -> None:
    counters = Counters()
    page = metrics_text(counters, Gauges(1, 0, 0)).decode()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE)) | {"amalfa_local_ratio": "gauge"}
    rows = {row[0].strip("`"): row for row in _rows(_section(ROUTING, "Metrics")) if row[0].startswith("`")}
    assert {name: row[1] for name, row in rows.items()} == kinds


def test_routing_names_every_strategy_preference_and_hint() -> None:
    for heading, known in (
        ("The strategies", get_args(Strategy)),
        ("Preferences, one by one", [camel_case(name) for name in Preferences.model_fields]),
        ("Hints", get_args(Hint)),
    ):
        rows = _rows(_section(ROUTING, heading))
        named = [row[0].strip("`").partition(":")[0] for row in rows if row[0].startswith("`")]
        assert sorted(named) == sorted(known), heading


def test_numbers_of_the_failure_handling_are_the_programs() -> None:
    follows, text = _section(ROUTING, "What follows a failure"), _text(ROUTING)
    assert f"up to {retry.WAIT_MAX_S:.0f} s, or under {retry.WAIT_WITH_PEER_S:.0f} s" in follows
    assert f"random wait of at most {retry.BACKOFF_BASE_S:g} s" in follows
    assert f"rests for {signals.UNSAID_REST_S:.0f} s" in follows
    assert f"rests for {cooling.OUT_OF_MEMORY_S:.0f} s" in follows
    assert f"first time that is {breaker.OPEN_S:.0f} s" in follows
    assert f"{free_tier.PER_MINUTE} calls in a minute, and {free_tier.PER_DAY} on a UTC day" in follows
    assert f"waits {asking.LOADING_PATIENCE_S:.0f} s" in text
    assert f"At most {candidates.MATCHED_MAX} are added" in text
    assert f"${seats.UNKNOWN_CEILING.input_usd:g} in, ${seats.UNKNOWN_CEILING.output_usd:g} out" in text


def _keys(model: type[BaseModel]) -> set[str]:
    """The fields of a type as they are written in JSON."""
    return {field.alias or name for name, field in model.model_fields.items()}


def test_the_table_of_tasks_names_every_input_and_output() -> None:
    table = _rows(_section(MANUAL, "Which tasks there are"))
    rows = {row[0].strip("`"): row for row in table if row[0].startswith("`")}
    assert set(rows) == set(CATALOG)
    for name, task in CATALOG.items():
        assert set(re.findall(r"`(\w+)`", rows[name][1])) >= _keys(task.given), name
        if rows[name][2].startswith("as "):
            continue
        assert set(re.findall(r"`(\w+)`", rows[name][2])) >= set(task.made.model_fields), name


def test_the_limits_of_tasks_are_the_programs() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| ([\d.]+) \| (\d+) \|", _text(MANUAL), re.MULTILINE)
    documented = {name: (float(seconds), float(heat), int(tokens)) for name, seconds, heat, tokens in rows}
    defaults = {name: (one.timeout_s, one.temperature, one.max_tokens) for name, one in TASK_DEFAULTS.items()}
    assert documented == defaults


@pytest.mark.parametrize("page", DOCUMENTS, ids=_of)
def test_configurations_in_the_pages_have_no_problems(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(_fences(page, "json", "jsonc")):
        if re.search(r'"(?:sonar|docs)"\s*:', block):
            assert _problems_of(block, tmp_path / str(number)) == ()


@pytest.mark.parametrize("example", EXAMPLES, ids=_of)
def test_the_shipped_examples_have_no_problems(example: Path, tmp_path: Path) -> None:
    assert _problems_of(_text(example), tmp_path) == ()


@pytest.mark.parametrize("example", PIPELINES, ids=_of)
def test_the_pipelines_among_the_examples_have_no_problems(example: Path) -> None:
    pipeline, problems = read_pipeline_text(example.stem, _text(example), path=str(example))
    assert pipeline is not None
    assert (*problems, *find_problems(pipeline)[0]) == ()


def test_pipelines_in_the_pages_have_no_problems() -> None:
    for page in DOCUMENTS:
        for block in _fences(page, "json", "jsonc"):
            if '"architecture"' in block and '"sonar"' not in block:
                pipeline, problems = read_pipeline_text("shown", block, path=_of(page))
                assert pipeline is not None
                assert (*problems, *find_problems(pipeline)[0]) == (), _of(page)


def test_there_are_examples_and_each_one_is_named_in_a_page() -> None:
    pages = "".join(_text(page) for page in DOCUMENTS)
    assert EXAMPLES
    assert PIPELINES
    for example in (*EXAMPLES, *PIPELINES):
        assert _of(example) in pages


def _problems_of(text: str, folder: Path) -> tuple[object, ...]:
    folder.mkdir(exist_ok=True)
    path = folder / "amalfa.config.json"
    path.write_text(text)
    home = {"XDG_CONFIG_HOME": str(folder / "none"), "AMALFA_HOME": str(folder / "home")}
    return examine(Project(folder, path), environ=home).problems


@pytest.mark.parametrize("page", DOCUMENTS, ids=_of)
def test_settings_that_are_set_in_the_pages_can_be_set(page: Path, tmp_path: Path) -> None:
    path = tmp_path / "amalfa.config.json"
    home = {"XDG_CONFIG_HOME": str(tmp_path / "none"), "AMALFA_HOME": str(tmp_path / "home")}
    for line in _commands(page):
        words = shlex.split(line, comments=True)
        if words[1:3] == ["config", "set"] and len(words) == 5:
            path.write_text("{}")
            set_value(Project(tmp_path, path), words[3], words[4], environ=home)


def test_targets_of_make_that_are_mentioned_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", _text(ROOT / "Makefile"), re.MULTILINE))
    for page in DOCUMENTS:
        for block in (*_fences(page, "sh", "console"), *(t.content for t in _tokens(page) if t.type == "code_inline")):
            for found in re.finditer(r"(?:^|\s)make ([a-z]+)", block):
                assert found[1] in targets, f"{_of(page)}: make {found[1]}"


CHEAP = ("amalfa --version", "amalfa config path", "amalfa config check", "amalfa config schema", "amalfa --help")


def test_cheap_commands_of_the_pages_really_run(tmp_path: Path) -> None:
    (tmp_path / "amalfa.config.json").write_text("{}")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AMALFA_HOME": str(tmp_path / "home")}
    mentioned = {line for page in DOCUMENTS for line in _commands(page)}
    for line in sorted(mentioned & set(CHEAP)):
        words = [sys.executable, "-m", "amalfa", *shlex.split(line)[1:]]
        done = subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert done.stdout.strip(), line


def test_promises_name_tests_that_exist() -> None:
    body = _section(ROOT / "README.md", "Four promises, and what proves them")
    names = re.findall(r"`(test_\w+)`", body)
    assert len(names) >= 4
    written = "".join(_text(path) for path in (ROOT / "tests").rglob("test_*.py"))
    for name in names:
        assert f"def {name}(" in written, name


def test_the_version_in_the_changelog_is_the_version() -> None:
    first = re.search(r"^## (\S+)", _text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert first
    assert first[1] == amalfa.__version__


def test_task_names_in_the_pages_are_those_of_the_settings() -> None:
    from amalfa.config.settings import TaskName

    known = set(get_args(TaskName))
    for page in DOCUMENTS:
        for name in re.findall(r"`sonar\.tasks\.([a-z]+)", _text(page)):
            assert name in known, f"{_of(page)}: {name}"
