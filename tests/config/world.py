"""A user with a project, a configuration of their own and an environment, all in a temporary folder."""

import json
from pathlib import Path

from amalfa.config.examine import Examined, examine
from amalfa.config.load import load
from amalfa.config.loaded import Loaded
from amalfa.config.trust import TrustRequest
from amalfa.paths import Project, user_config_path

KEY = "sk-or-v1-0123456789abcdef-canary"
"""A key that must not show up anywhere."""


class World:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        self.environ = {"XDG_CONFIG_HOME": str(folder / "xdg"), "AMALFA_HOME": str(folder / "home")}
        self.project = Project(self.root, self.root / "amalfa.config.json")
        self.users_path = user_config_path(self.environ)
        self.env_path = self.root / ".env"

    def writes(self, config: object, *, mode: int = 0o644) -> "World":
        """The project's file: a text as it is, anything else as JSON."""
        self.project.config.write_text(config if isinstance(config, str) else json.dumps(config))
        self.project.config.chmod(mode)
        return self

    def user_writes(self, config: object) -> "World":
        self.users_path.parent.mkdir(parents=True, exist_ok=True)
        self.users_path.write_text(config if isinstance(config, str) else json.dumps(config))
        self.users_path.chmod(0o600)
        return self

    def dotenv(self, text: str, *, mode: int = 0o600) -> "World":
        self.env_path.write_text(text)
        self.env_path.chmod(mode)
        return self

    def sets(self, **variables: str) -> "World":
        self.environ.update(variables)
        return self

    def load(self, **overrides: object) -> Loaded:
        return load(self.project, environ=self.environ, overrides=tuple(overrides.items()))  # type: ignore[arg-type]

    def examine(self) -> Examined:
        return examine(self.project, environ=self.environ)

    def problems(self) -> list[tuple[int | None, str]]:
        return [(problem.line, problem.message) for problem in self.examine().problems]

    def warnings(self) -> list[str]:
        return [problem.message for problem in self.examine().warnings]

    def held(self) -> tuple[TrustRequest, ...]:
        return self.examine().held
