"""What the doctor looks at: the project, its configuration, its sonar; each looked up once, when first asked for."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from amalfa.client.document import Document
from amalfa.config.examine import Examined, examine
from amalfa.config.loaded import Loaded
from amalfa.daemon.control import StatusResult, status
from amalfa.paths import Places, Project, amalfa_home, find_project, places_for


class Patient:
    """One project on one machine. Nothing is started, and nothing is changed by looking."""

    def __init__(self, environ: Mapping[str, str], *, start: Path, config: str | None) -> None:
        self.environ = environ
        self._start = start
        self._config = config

    @cached_property
    def project(self) -> Project | None:
        return find_project(self._start, self.environ, self._config)

    @cached_property
    def home(self) -> Path:
        return amalfa_home(self.environ)

    @cached_property
    def places(self) -> Places | None:
        return places_for(self.project.root, self.environ) if self.project else None

    @cached_property
    def examined(self) -> Examined | None:
        """The configuration with its problems; None when there is no project."""
        return examine(self.project, environ=self.environ) if self.project else None

    @cached_property
    def loaded(self) -> Loaded | None:
        """The configuration, if it may be used: valid and trusted."""
        return self.examined.loaded if self.examined and not self.examined.held else None

    @cached_property
    def sonar(self) -> StatusResult | None:
        return status(self.project, self.environ) if self.project else None

    @property
    def told(self) -> Document:
        """What a running sonar says of itself; empty when none answers."""
        return self.sonar.data if self.sonar else Document({})
