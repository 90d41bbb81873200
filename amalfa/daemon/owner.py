"""The process that holds the life lock: which one it is, and signals that reach it or nobody."""

import time

from amalfa.daemon.lock import is_held, read_note, wait_until_free
from amalfa.daemon.state import State, read_state
from amalfa.errors import Unreachable
from amalfa.paths import Places

TERM_PATIENCE_S = 3.0
KILL_PATIENCE_S = 5.0
PROOF_PATIENCE_S = 0.5
_POLL_S = 0.05


def owner_pid(places: Places) -> int:
    """The pid the last holder of the lock noted, for messages; 0 when there was none. Never signal it."""
    first = read_note(places.life_lock).partition(" ")[0]
    return int(first) if first.isdecimal() else 0


def signal_owner(places: Places, *, force: bool) -> None:
    """Send SIGTERM to the holder of the lock, and with `force` SIGKILL when that does not help for some seconds.

    Nobody holding the lock is no error. Raises Unreachable, having sent nothing, when lock, state file, start
    time and boot do not all name the same process.
    """
    import signal

    from amalfa.daemon.identity import open_process

    state = _proven_state(places)
    if state is None:
        return
    with open_process(state.identity) as process:
        if process is None:
            if is_held(places.life_lock):
                raise _unproven(places)
            return
        process.send(signal.SIGTERM)
        if force and not wait_until_free(places.life_lock, timeout_s=TERM_PATIENCE_S):
            process.send(signal.SIGKILL)
            wait_until_free(places.life_lock, timeout_s=KILL_PATIENCE_S)


def _proven_state(places: Places) -> State | None:
    """What the holder says of itself; None once nobody holds the lock."""
    give_up_s = time.monotonic() + PROOF_PATIENCE_S
    while is_held(places.life_lock):
        state = read_state(places.state)
        # Only the holder of the lock writes into it: the same nonce in both files proves whose state this is.
        if state is not None and read_note(places.life_lock) == state.lock_note:
            return state
        if time.monotonic() > give_up_s:
            raise _unproven(places)
        time.sleep(_POLL_S)  # a process that has just started writes the one a moment before the other
    return None


def _unproven(places: Places) -> Unreachable:
    return Unreachable(
        f"A process holds {places.life_lock}, but {places.state} does not prove which one; no signal was sent.",
        hint=f"fuser {places.life_lock}",
    )
