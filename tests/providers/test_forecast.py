"""Whether a model fits into memory, and what would have to leave for it."""

import pytest

from amalfa.errors import OutOfMemory
from amalfa.providers.forecast import fit_of
from amalfa.providers.ollama_models import InMemory
from amalfa.providers.this_machine import Room

GB = 10**9


def machine(free_gb: float, *, has_gpu: bool = False) -> Room:
    return Room(round(free_gb * GB), 16 * GB, has_gpu, None)


def loaded(name: str, size_gb: int, *, vram_gb: int = 0) -> InMemory:
    return InMemory(name, 8192, size_gb * GB, vram_gb * GB, None)


@pytest.mark.parametrize(
    ("size_gb", "room", "others", "pushed_out", "warns"),
    [
        pytest.param(4, machine(5), [loaded("a", 2)], (), False, id="room beside the others"),
        pytest.param(4, machine(4.5), [loaded("a", 2), loaded("b", 1)], ("a", "b"), False, id="room instead of them"),
        pytest.param(4, machine(4.5), [], (), False, id="just enough room, and nobody to push out"),
        pytest.param(8, machine(4), [loaded("a", 2)], ("a",), True, id="too little even without the others"),
        pytest.param(6, machine(4), [loaded("a", 2, vram_gb=2)], ("a",), True, id="what is on the GPU frees no memory"),
        pytest.param(40, machine(4, has_gpu=True), [], (), True, id="a GPU may hold what memory cannot"),
        pytest.param(None, machine(0), [loaded("a", 2)], (), False, id="size unknown"),
    ],
)
def test_what_a_load_would_push_out(
    size_gb: int | None, room: Room, others: list[InMemory], pushed_out: tuple[str, ...], warns: bool
) -> None:
    fit = fit_of("m", None if size_gb is None else size_gb * GB, room, others)
    assert (fit.pushed_out, bool(fit.warning), fit.refusal) == (pushed_out, warns, None)


def test_what_can_never_fit_is_refused_with_the_numbers() -> None:
    fit = fit_of("big:70b", 40 * GB, machine(4), [])
    assert isinstance(fit.refusal, OutOfMemory)
    assert fit.refusal.message == "big:70b needs 40.0 GB of memory and this machine has 16.0 GB."
