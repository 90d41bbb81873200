"""The queue as a machine: whatever comes in whatever order, no item is in two hands and no result is written twice."""

from datetime import UTC, datetime

import apsw
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

from amalfa.calls import PrivacyClass
from amalfa.jobs import book, claims
from amalfa.jobs.job import ATTEMPTS_MAX, INTERRUPTIONS_MAX, Claim, JobTerms, Made, NoteToDo, Submission
from amalfa.jobs.store import LEASE_S
from amalfa.store.migrations import SONAR_DB

AT = datetime(2026, 11, 21, tzinfo=UTC).isoformat()


def open_queue() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.pragma("foreign_keys", True)
    for _, step in SONAR_DB:
        connection.execute(step).fetchall()
    return connection


def submit(connection: apsw.Connection, job_id: str, *contents: str) -> None:
    """A job over notes that are called as their content."""
    book.enter(connection, Submission(job_id, "metadata", JobTerms(), "s", False, datetime.fromisoformat(AT)))
    book.add_items(connection, job_id, [NoteToDo(f"{one}.md", one, f"idem-{one}") for one in contents])
    book.open_job(connection, job_id, AT)


def take(connection: apsw.Connection, owner: str = "me", *, now_s: float = 0.0) -> Claim | None:
    return claims.claim_next(connection, owner, now_s=now_s, until_s=now_s + LEASE_S)


def finish(connection: apsw.Connection, claim: Claim) -> bool:
    return claims.finish(connection, claim.item_id, claim.fence, Made('{"title": "x"}', "m", "local"), AT)


def states(connection: apsw.Connection, job_id: str) -> list[str]:
    return [item.state for item in book.items(connection, job_id, state=None, after=0, limit=1_000)]


def test_a_finished_item_has_its_result_and_ends_its_job() -> None:
    queue = open_queue()
    submit(queue, "job", "a")
    claim = take(queue)
    assert claim is not None
    assert claim.request_id == f"item_{claim.item_id}.1"
    assert finish(queue, claim)
    assert finish(queue, claim), "told twice, written once"
    job = book.job(queue, "job")
    assert job is not None
    assert (job.state, job.finished_at, job.late, job.counts.done) == ("done", AT, 0, 1)


def test_a_job_whose_terms_cannot_be_read_is_paused_and_the_next_one_is_served() -> None:
    queue = open_queue()
    submit(queue, "broken", "a")
    submit(queue, "sound", "b")
    for terms in ("{}", "not JSON", '{"model": 1}', "[]"):
        queue.execute("UPDATE job SET terms = ?, state = 'running' WHERE id = 'broken'", (terms,))
        claim = take(queue)
        assert claim is None or claim.job_id == "sound"
        job = book.job(queue, "broken")
        assert job is not None
        assert (job.state, job.terms.privacy) == ("paused", PrivacyClass.LOCAL_ONLY)
        assert "cannot be read" in job.reason


def test_a_job_has_cost_what_its_failed_attempts_did_as_well() -> None:
    queue = open_queue()
    submit(queue, "job", "a")
    claim = take(queue)
    assert claim is not None
    columns = (
        "request_id, task, model, provider, tier, privacy, generation, started_at, boot, state, tokens_in, cost_usd"
    )
    row = (claim.request_id, "metadata", "m", "p", "cloud", "cloud-ok", 1, AT, "b", "failed", 70, 0.25)
    queue.execute(f"INSERT INTO attempt ({columns}) VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608  # no input
    claims.fail(queue, claim.item_id, claim.fence, code="bad_reply", message="no JSON", at=AT)
    job = book.job(queue, "job")
    assert job is not None
    assert (job.tokens_in, job.cost_usd) == (70, 0.25)


def test_a_reply_that_comes_after_its_fence_is_late_and_leaves_no_result() -> None:
    queue = open_queue()
    submit(queue, "job", "a")
    slow = take(queue)
    assert slow is not None
    assert claims.reap(queue, now_s=LEASE_S + 1, kept=[], at=AT) == 1
    quick = take(queue, now_s=LEASE_S + 2)
    assert quick is not None
    assert quick.fence == slow.fence + 1
    assert quick.attempts == 2, "a reaper gives no attempt back"
    assert not finish(queue, slow)
    assert finish(queue, quick)
    job = book.job(queue, "job")
    assert job is not None
    assert (job.late, job.counts.done) == (1, 1)


def test_an_item_that_is_known_to_be_in_hand_is_not_reaped() -> None:
    queue = open_queue()
    submit(queue, "job", "a")
    claim = take(queue)
    assert claim is not None
    assert claims.reap(queue, now_s=LEASE_S + 1, kept=[claim.item_id], at=AT) == 0


def test_the_same_note_in_two_jobs_is_asked_about_once() -> None:
    queue = open_queue()
    submit(queue, "one", "a")
    submit(queue, "two", "a", "b")
    first, second = take(queue), take(queue)
    assert first is not None
    assert second is not None
    assert (first.note.path, second.note.path) == ("a.md", "b.md")
    assert take(queue) is None
    finish(queue, first)
    assert states(queue, "two") == ["skipped", "running"]
    submit(queue, "three", "a")
    assert states(queue, "three") == ["skipped"]
    skipped = book.items(queue, "three", state="skipped", after=0, limit=1)[0]
    assert skipped.output == '{"title": "x"}', "it points to the result there is"
    third = book.job(queue, "three")
    assert third is not None
    assert third.state == "done"


def test_the_other_job_does_the_note_when_the_first_one_could_not() -> None:
    queue = open_queue()
    submit(queue, "one", "a")
    submit(queue, "two", "a")
    first = take(queue)
    assert first is not None
    claims.fail(queue, first.item_id, first.fence, code="no_provider", message="x", at=AT)
    second = take(queue)
    assert second is not None
    assert second.job_id == "two"


def test_a_new_run_takes_up_what_the_last_one_had_in_hand_without_burning_an_attempt() -> None:
    queue = open_queue()
    submit(queue, "job", "a", "b")
    claim = take(queue, "old")
    assert claim is not None
    assert claims.void_foreign(queue, "new", AT) == 1
    again = [take(queue, "new"), take(queue, "new")]
    assert [one.note.path for one in again if one] == ["b.md", "a.md"], "the least interrupted first"
    assert [one.attempts for one in again if one] == [1, 1]
    assert claims.void_foreign(queue, "new", AT) == 0, "its own stay"


def test_an_item_that_is_there_at_every_end_of_sonar_is_given_up() -> None:
    queue = open_queue()
    submit(queue, "job", "a")
    for number in range(INTERRUPTIONS_MAX):
        assert take(queue, f"run {number}") is not None
        claims.void_foreign(queue, f"run {number + 1}", AT)
    assert take(queue) is None
    assert states(queue, "job") == ["failed"]


def test_a_job_that_was_never_acknowledged_is_gone_after_a_restart() -> None:
    queue = open_queue()
    book.enter(queue, Submission("job", "metadata", JobTerms(), "s", False, datetime.fromisoformat(AT)))
    book.add_items(queue, "job", [NoteToDo("a.md", "a", "idem-a")])
    assert take(queue) is None
    claims.void_foreign(queue, "new", AT)
    assert book.jobs(queue) == ()
    assert queue.execute("SELECT count(*) FROM item").fetchall() == [(0,)]


def test_a_waiting_job_waits_longer_each_time_and_only_once_for_many_failures() -> None:
    queue = open_queue()
    submit(queue, "job", "a")
    for expected_s in (2.0, 4.0, 8.0):
        now_s = book.next_due_s(queue)
        assert now_s is not None
        book.hold(queue, "job", "ollama is down", now_s=now_s, jitter=0.0)
        book.hold(queue, "job", "ollama is down", now_s=now_s, jitter=0.0)
        assert book.next_due_s(queue) == now_s + expected_s
        assert take(queue, now_s=now_s + expected_s - 0.1) is None
    for _ in range(20):
        book.hold(queue, "job", "x", now_s=book.next_due_s(queue) or 0.0, jitter=0.0)
    now_s = book.next_due_s(queue)
    assert now_s is not None
    book.hold(queue, "job", "x", now_s=now_s, jitter=0.0)
    assert book.next_due_s(queue) == now_s + book.BACKOFF_MAX_S
    book.resume(queue, "job")
    assert take(queue, now_s=now_s) is not None


def test_a_result_ends_the_wait_of_its_job() -> None:
    queue = open_queue()
    submit(queue, "job", "a", "b")
    first = take(queue)
    assert first is not None
    book.hold(queue, "job", "ollama is down", now_s=0.0, jitter=0.0)
    assert take(queue) is None
    finish(queue, first)
    assert take(queue) is not None
    job = book.job(queue, "job")
    assert job is not None
    assert job.reason == ""


def test_a_changed_note_is_done_as_it_is_now_or_not_again() -> None:
    queue = open_queue()
    submit(queue, "one", "a")
    first = take(queue)
    assert first is not None
    assert claims.exchange_note(queue, first.item_id, first.fence, NoteToDo("a.md", "new", "idem-new"), AT)
    finish(queue, first)
    assert queue.execute("SELECT idem FROM result").fetchall() == [("idem-new",)]
    submit(queue, "two", "a")
    second = take(queue)
    assert second is not None
    assert not claims.exchange_note(queue, second.item_id, second.fence, NoteToDo("a.md", "new", "idem-new"), AT)
    assert states(queue, "two") == ["skipped"]


def test_a_cancelled_job_keeps_no_late_reply_and_can_be_taken_up_again() -> None:
    queue = open_queue()
    submit(queue, "job", "a", "b")
    claim = take(queue)
    assert claim is not None
    assert book.cancel(queue, "job", AT) == [claim.item_id]
    assert not finish(queue, claim)
    assert states(queue, "job") == ["cancelled", "cancelled"]
    assert take(queue) is None
    assert book.retry(queue, "job", AT) == 2
    assert take(queue) is not None


def test_a_retry_leaves_out_what_another_job_did_meanwhile() -> None:
    queue = open_queue()
    submit(queue, "one", "a")
    submit(queue, "two", "a")
    first = take(queue)
    assert first is not None
    claims.fail(queue, first.item_id, first.fence, code="x", message="m", at=AT)
    second = take(queue)
    assert second is not None
    finish(queue, second)
    assert book.retry(queue, "one", AT) == 0
    assert states(queue, "one") == ["skipped"]


def test_a_paused_job_is_left_alone_and_others_go_on() -> None:
    queue = open_queue()
    submit(queue, "one", "a")
    submit(queue, "two", "b")
    book.pause(queue, "one", "the daily budget is reached")
    claim = take(queue)
    assert claim is not None
    assert claim.job_id == "two"
    book.resume(queue, "one")
    assert take(queue) is not None


def test_finished_jobs_are_forgotten_and_their_results_are_not() -> None:
    queue = open_queue()
    submit(queue, "job", "a")
    claim = take(queue)
    assert claim is not None
    finish(queue, claim)
    assert book.forget_before(queue, "2026-01-01") == 0
    assert book.forget_before(queue, "2027-01-01") == 1
    submit(queue, "later", "a")
    assert states(queue, "later") == ["skipped"]


def test_followers_see_every_end_once_and_in_order() -> None:
    queue = open_queue()
    submit(queue, "job", "a", "b", "c")
    first, second = take(queue), take(queue)
    assert first is not None
    assert second is not None
    finish(queue, second)
    claims.fail(queue, first.item_id, first.fence, code="x", message="no", at=AT)
    book.cancel(queue, "job", AT)
    seen = book.settled_after(queue, "job", 0, 10)
    assert [(one.number, one.path, one.state) for one in seen] == [
        (1, "b.md", "done"),
        (2, "a.md", "failed"),
        (3, "c.md", "cancelled"),
    ]
    assert book.settled_after(queue, "job", 2, 10) == seen[2:]


CONTENTS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True)


class QueueMachine(RuleBasedStateMachine):
    """Jobs come and go while claims are taken, held too long, and ended in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = open_queue()
        self.taken: list[Claim] = []
        self.jobs: list[str] = []
        self.now_s = 0.0
        self.run_number = 0
        self.late = 0

    @initialize(contents=CONTENTS)
    def first(self, contents: list[str]) -> None:
        self.hand_in(contents)

    @rule(contents=CONTENTS)
    def hand_in(self, contents: list[str]) -> None:
        job_id = f"job{len(self.jobs)}"
        self.jobs.append(job_id)
        submit(self.queue, job_id, *contents)

    @rule()
    def take_up(self) -> None:
        if claim := take(self.queue, f"run{self.run_number}", now_s=self.now_s):
            assert all(claim.fence > old.fence for old in self.taken if old.item_id == claim.item_id)
            self.taken.append(claim)

    @rule(which=st.integers(0, 50), end=st.sampled_from(["finish", "fail", "again", "back", "changed"]))
    def end(self, which: int, end: str) -> None:
        """End any claim there ever was; only the newest one of its item may change anything."""
        if not self.taken:
            return
        claim = self.taken[which % len(self.taken)]
        is_mine = self._is_in_hand(claim)
        before = self._row(claim)
        match end:
            case "finish":
                was_done = before[:2] == ("done", claim.fence)
                assert finish(self.queue, claim) == (is_mine or was_done)
                self.late += not (is_mine or was_done)
            case "fail":
                claims.fail(self.queue, claim.item_id, claim.fence, code="x", message="m", at=AT)
            case "again":
                claims.try_again(
                    self.queue, claim.item_id, claim.fence, code="x", message="m", not_before_s=self.now_s + 5
                )
            case "back":
                claims.give_back(self.queue, [(claim.item_id, claim.fence)])
            case _:
                note = NoteToDo(claim.note.path, "z", f"idem-{claim.note.path}-z")
                if is_mine:
                    claims.exchange_note(self.queue, claim.item_id, claim.fence, note, AT)
        assert is_mine or self._row(claim) == before

    @rule()
    def crash(self) -> None:
        self.run_number += 1
        claims.void_foreign(self.queue, f"run{self.run_number}", AT)

    @rule(seconds=st.sampled_from([1.0, 30.0, 100.0]))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def tend(self) -> None:
        claims.reap(self.queue, now_s=self.now_s, kept=[], at=AT)

    @rule(which=st.integers(0, 9), act=st.sampled_from(["cancel", "retry", "pause", "resume", "hold"]))
    def steer(self, which: int, act: str) -> None:
        job_id = self.jobs[which % len(self.jobs)]
        match act:
            case "cancel":
                book.cancel(self.queue, job_id, AT)
            case "retry":
                book.retry(self.queue, job_id, AT)
            case "pause":
                book.pause(self.queue, job_id, "paused")
            case "resume":
                book.resume(self.queue, job_id)
            case _:
                book.hold(self.queue, job_id, "down", now_s=self.now_s, jitter=0.5)

    def _row(self, claim: Claim) -> tuple[object, ...]:
        sql = "SELECT state, fence, attempts, idem FROM item WHERE id = ?"
        return tuple(self.queue.execute(sql, (claim.item_id,)).fetchall()[0])

    def _is_in_hand(self, claim: Claim) -> bool:
        return self._row(claim)[:2] == ("running", claim.fence)

    def _count(self, sql: str) -> int:
        return len(self.queue.execute(sql).fetchall())

    @invariant()
    def nothing_is_done_twice(self) -> None:
        assert self._count("SELECT idem FROM item WHERE state = 'running' GROUP BY idem HAVING count(*) > 1") == 0
        assert self._count("SELECT 1 FROM item WHERE state = 'done' AND id NOT IN (SELECT item_id FROM result)") == 0
        assert self._count("SELECT 1 FROM item WHERE state = 'skipped' AND idem NOT IN (SELECT idem FROM result)") == 0
        assert self._count("SELECT 1 FROM result WHERE item_id NOT IN (SELECT id FROM item WHERE state = 'done')") == 0
        assert self._count("SELECT 1 FROM item WHERE state = 'queued' AND idem IN (SELECT idem FROM result)") == 0
        assert sum(job.late for job in book.jobs(self.queue)) == self.late

    @invariant()
    def leases_and_ends_fit(self) -> None:
        assert self._count("SELECT 1 FROM item WHERE (state = 'running') <> (owner IS NOT NULL)") == 0
        assert self._count("SELECT 1 FROM item WHERE attempts < 0 OR attempts > fence") == 0
        assert self._count("SELECT 1 FROM item WHERE (state IN ('queued', 'running')) <> (settled IS NULL)") == 0
        assert self._count("SELECT 1 FROM item GROUP BY job_id, settled HAVING settled NOTNULL AND count(*) > 1") == 0
        for job in book.jobs(self.queue):
            assert (job.counts.left == 0) == (job.state in ("done", "cancelled"))

    @override
    def teardown(self) -> None:
        """Left alone, every job comes to its end."""
        for job_id in self.jobs:
            book.resume(self.queue, job_id)
        self.crash()
        for _ in range(100):
            self.now_s += 1_000
            if (claim := take(self.queue, f"run{self.run_number}", now_s=self.now_s)) is None:
                break
            finish(self.queue, claim)
        assert all(job.state in ("done", "cancelled") for job in book.jobs(self.queue))
        self.queue.close()


QueueMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestQueue = QueueMachine.TestCase


def test_three_attempts_are_enough() -> None:
    assert ATTEMPTS_MAX == 3
