"""A running sonar whose lock, state file or socket goes missing. The system tests show the same from outside."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from amalfa.daemon import presence as presence_module
from amalfa.daemon.listener import Listener, bind_private, occupant_of
from amalfa.daemon.lock import HeldLock, is_held, read_note, take_lock
from amalfa.daemon.presence import LOCK_TRIES, LostPlace, Presence
from amalfa.daemon.state import State, read_state, write_state
from amalfa.errors import AmalfaError
from amalfa.paths import Places, make_private_folder


@dataclass
class Scene:
    """A presence in a folder of its own, and the sockets it was told to listen on."""

    places: Places
    lock: HeldLock
    state: State
    first: Listener
    moved_to: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.presence = Presence(self.places, self.lock, self.state, self.first, self._move)

    async def _move(self, listener: socket.socket) -> None:
        self.moved_to.append(listener)


@pytest.fixture
def scene(short_folder: Path) -> Iterator[Scene]:
    folder = short_folder / "p"
    make_private_folder(folder)
    places = Places(folder=folder, socket=folder / "sonar.sock")
    lock = take_lock(places.life_lock)
    assert lock is not None
    state = State(4711, "1", "b", "nonce", "0.1.0", 1, str(places.socket), "/r", "/r/c", "now")
    lock.note(state.lock_note)
    write_state(places.state, state)
    scene = Scene(places, lock, state, bind_private(places.socket))
    yield scene
    scene.lock.release()
    for listener in (scene.first.socket, *scene.moved_to):
        listener.close()


async def test_where_all_is_well_nothing_is_touched(scene: Scene) -> None:
    before = {path: path.lstat().st_ino for path in scene.places.folder.iterdir()}
    await scene.presence.mend()
    assert {path: path.lstat().st_ino for path in scene.places.folder.iterdir()} == before
    assert scene.moved_to == []


async def test_a_missing_socket_is_bound_again_and_served(scene: Scene) -> None:
    """Lifecycle 21"""
    scene.places.socket.unlink()
    await scene.presence.mend()
    assert len(scene.moved_to) == 1
    assert occupant_of(scene.places.socket) == "live socket"
    assert scene.presence.listener.is_in_place()


async def test_a_dead_socket_in_its_place_is_replaced(scene: Scene) -> None:
    scene.places.socket.unlink()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(scene.places.socket))
    await scene.presence.mend()
    assert len(scene.moved_to) == 1


async def test_a_live_socket_in_its_place_is_not_fought_over(scene: Scene) -> None:
    scene.places.socket.unlink()
    other = bind_private(scene.places.socket)
    with pytest.raises(AmalfaError, match="Another process"):
        await scene.presence.mend()
    assert other.is_in_place()
    other.socket.close()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_missing_lock_is_taken_again_with_its_note(scene: Scene, replaced: bool) -> None:
    """Lifecycle 4"""
    scene.places.life_lock.unlink()
    if replaced:
        scene.places.life_lock.write_text("")
    await scene.presence.mend()
    assert is_held(scene.places.life_lock)
    assert read_note(scene.places.life_lock) == scene.state.lock_note
    scene.presence._lock.release()


async def test_a_rival_that_holds_the_new_lock_for_a_moment_ends_nothing(scene: Scene) -> None:
    """It finds the socket alive and gives up; one failure must not leave the project without a sonar."""
    scene.places.life_lock.unlink()
    rival = take_lock(scene.places.life_lock)
    assert rival is not None
    await scene.presence.mend()
    rival.release()
    await scene.presence.mend()
    assert is_held(scene.places.life_lock)
    scene.presence._lock.release()


async def test_a_rival_that_keeps_the_lock_has_the_place(scene: Scene) -> None:
    """Lifecycle 4"""
    scene.places.life_lock.unlink()
    rival = take_lock(scene.places.life_lock)
    assert rival is not None
    for _ in range(LOCK_TRIES - 1):
        await scene.presence.mend()
    with pytest.raises(LostPlace, match="Another process holds"):
        await scene.presence.mend()
    rival.release()


async def test_a_rival_with_lock_and_socket_has_the_place_at_once(scene: Scene) -> None:
    scene.places.life_lock.unlink()
    scene.places.socket.unlink()
    rival = take_lock(scene.places.life_lock)
    assert rival is not None
    with pytest.raises(LostPlace):
        await scene.presence.mend()
    assert scene.moved_to == []
    rival.release()


@pytest.mark.parametrize("text", [None, "{", '{"pid": 1}'])
async def test_a_missing_or_foreign_state_file_is_written_again(scene: Scene, text: str | None) -> None:
    scene.places.state.unlink()
    if text is not None:
        scene.places.state.write_text(text)
    await scene.presence.mend()
    assert read_state(scene.places.state) == scene.state


async def test_a_socket_of_a_supervisor_is_not_replaced(scene: Scene) -> None:
    """Lifecycle 16"""
    handed_over = Listener(scene.first.socket, scene.places.socket, birth=None)
    presence = Presence(scene.places, scene.lock, scene.state, handed_over, scene._move)
    await presence.mend()
    scene.places.socket.unlink()
    with pytest.raises(LostPlace, match="supervisor"):
        await presence.mend()


async def test_watching_ends_with_the_reason_whatever_it_was(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_module, "CHECK_EVERY_S", 0.001)
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            scene.places.folder.rename(scene.places.folder.with_name("moved"))

    with pytest.raises(LostPlace, match="lost its place"):
        await scene.presence.watch(look)
    assert looks == 3
