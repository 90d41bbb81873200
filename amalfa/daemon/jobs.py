"""Gives durable jobs what they work with: the notes of the index, the Generation in force, its plans."""

from collections.abc import Callable, Sequence
from functools import partial

from amalfa.calls import PrivacyClass, Tier, Wish
from amalfa.daemon.dryrun import DryRuns
from amalfa.daemon.notes import NoteKeeper
from amalfa.daemon.reload import Generations
from amalfa.errors import UsageProblem
from amalfa.jobs.job import Claim
from amalfa.jobs.office import Jobs
from amalfa.jobs.outlook import Foreseen
from amalfa.jobs.pool import Pool
from amalfa.jobs.store import SqliteJobStore
from amalfa.jobs.verdict import told_of
from amalfa.jobs.work import Worker
from amalfa.knowledge.listing import notes_after
from amalfa.server.dryrun import Asked, Outlook

WINDOW = 32
"""Items in hand at a time: enough that no provider waits for us. How many calls really run side by side is decided
where the providers' queues are."""

LISTED_AT_ONCE = 1_000


def jobs_of(
    generations: Generations,
    store: SqliteJobStore,
    keeper: NoteKeeper,
    dry_runs: DryRuns,
    when_done: Callable[[], None],
) -> Jobs:
    """The jobs of a project; they are worked on while `Jobs.run` runs, and `when_done` is called after each result."""
    clock = dry_runs.clock

    def width() -> int:
        return min(WINDOW, generations.current.settings.sonar.concurrency.background_queue)

    worker = Worker(store, generations.lease)

    async def work(claim: Claim) -> bool:
        has_result = await worker.work(claim)
        if has_result:
            when_done()
        return has_result

    pool = Pool(store, work, width=width, clock=clock)
    forecasts = Forecasts(generations, dry_runs)
    return Jobs(
        store,
        pool,
        generations.lease,
        paths_below=partial(paths_below, keeper),
        foresees=forecasts,
        clock=clock,
    )


async def paths_below(keeper: NoteKeeper, folder: str) -> list[str]:
    """The paths of all notes of the index below a folder, sorted."""
    await keeper.wait_for_first_pass()
    prefix = f"{folder}/" if folder else ""
    paths: list[str] = []
    while True:
        after = paths[-1] if paths else prefix
        page = await keeper.database.read(partial(notes_after, after=after, most=LISTED_AT_ONCE))
        below = [note.path for note in page if note.path.startswith(prefix)]
        paths += below
        if len(page) < LISTED_AT_ONCE or len(below) < len(page):
            return paths


class Forecasts:
    """Plans the calls of a job without making them."""

    def __init__(self, generations: Generations, dry_runs: DryRuns) -> None:
        self._generations = generations
        self._dry_runs = dry_runs

    async def foresee(self, task: str, prompts: Sequence[tuple[str, PrivacyClass]], wish: Wish) -> Sequence[Foreseen]:
        """Raises UsageProblem for a team or a hint that is not configured."""
        asked = [Asked(prompt, task, wish, privacy, lane="background") for prompt, privacy in prompts]
        return [self._foreseen(one) for one in await self._dry_runs.decide_many(asked)]

    def _foreseen(self, found: Outlook | UsageProblem) -> Foreseen:
        if isinstance(found, UsageProblem):
            raise found
        size = found.plan.size
        if not found.estimates:
            waiting = found.plan.over_budget or told_of(found.plan.judged)
            return Foreseen("", size.likely_in, 0.0, 1, None, None, waiting)
        head, first = found.plan.entries[0], found.estimates[0]
        concurrency = self._generations.current.settings.sonar.concurrency
        # A host that was not measured yet is believed to work on one call at a time, as Ollama does unless told.
        slots = 1 if concurrency.local_per_host == "auto" else concurrency.local_per_host
        at_once = slots if head.tier is Tier.LOCAL else min(WINDOW, concurrency.cloud)
        return Foreseen(str(head.model), first.tokens_in, first.seconds, at_once, first.usd_low, first.usd_high)
