"""What the routes ask of a catalogue of models."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from amalfa.calls import ModelName
from amalfa.providers.model_facts import Facts


class Known(Protocol):
    """What is known of models in general (`amalfa.providers.catalogue.Catalogue`)."""

    @property
    def as_of(self) -> Mapping[str, datetime]: ...

    def facts(self, model: ModelName) -> Facts: ...

    def known(self) -> Iterable[ModelName]: ...
