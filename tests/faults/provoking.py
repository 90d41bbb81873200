"""What several faults have in common: a refusal, a good call beforehand, a look at the next call."""

from tests.faults.case import WORDS
from tests.faults.seen import Seen, watch
from tests.faults.stage import Stage


async def used_a_moment_ago(stage: Stage) -> None:
    """One good call, so that everything is warm and known to be up."""
    stage.will(WORDS)
    assert (await watch(stage, is_streaming=False)).ends == "itself"


async def is_left_alone(stage: Stage, seen: Seen) -> None:
    """The next call does not come near it."""
    before = stage.asks
    again = await watch(stage, is_streaming=False)
    assert stage.asks == before
    assert [row.model for row in again.rows] == [stage.peer_model]


def refused(status: int, message: str, **headers: str) -> dict[str, object]:
    """A refusal that both kinds of upstream can send."""
    error = {"code": status, "message": message}
    return {"status": status, "body": {"error": error}, "headers": headers}
