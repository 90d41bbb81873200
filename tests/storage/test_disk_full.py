"""A full disk, under a real sonar: what is free goes on, what costs money or has to be kept is refused."""

from collections.abc import Callable

import psutil
import pytest

from tests.storage.conftest import House
from tests.storage.room import fill, let_files_grow, let_no_file_grow, small_disk
from tests.system.harness import wait_until

JOB = {"task": "metadata", "paths": ["guide.md"]}


def run_full(house: House, make_room: Callable[[], None]) -> None:
    """Everything that has to hold from the moment there is no room until there is some again."""
    wait_until(lambda: house.ask(prefer="local").status == 200 and house.notices(), patience_s=15)
    assert "free attempts are not in the ledger" in house.notices()[0]
    assert house.call("GET", "/sonar/health").status == 200
    assert not house.call("GET", "/sonar/status").json["healthy"]

    before = house.paid_calls()
    refused = house.ask(prefer="cloud")
    assert (refused.status, refused.code) == (507, "storage_full"), refused.body
    assert house.paid_calls() == before, "nothing may be paid for without its row"
    served = house.ask()
    assert served.status == 200, served.body
    assert served.json["tier"] != "cloud"
    assert house.paid_calls() == before

    job = house.call("POST", "/sonar/jobs", JOB)
    assert (job.status, job.code) == (507, "storage_full"), job.body

    make_room()
    wait_until(lambda: house.ask(prefer="local").status == 200 and not house.notices(), patience_s=10)
    assert house.ask(prefer="cloud").status == 200
    assert house.paid_calls() == before + 1


def test_e1_a_full_disk_refuses_what_costs_money_and_heals_alone(house: House) -> None:
    with small_disk(house.home.state_folder, "4m"):
        pid = house.home.start()
        assert house.ask(prefer="local").status == 200
        filler = fill(house.home.state_folder)
        run_full(house, filler.unlink)
        assert house.home.pid == pid
        house.home.cli("sonar", "stop")


def test_e2_a_file_size_limit_is_a_full_disk_for_a_running_sonar(house: House) -> None:
    pid = house.home.start()
    assert house.ask(prefer="local").status == 200
    let_no_file_grow(pid)
    run_full(house, lambda: let_files_grow(pid))
    assert psutil.pid_exists(pid)


@pytest.mark.parametrize("size", ["100k"])
def test_e1_a_disk_that_is_full_at_the_start_is_a_reason_and_not_a_trace(house: House, size: str) -> None:
    with small_disk(house.home.state_folder, size):
        ran = house.home.cli("sonar", "start")
    assert ran.returncode == 1
    assert "no room" in ran.stderr or "No space" in ran.stderr
    assert "Traceback" not in ran.stderr
