import subprocess
import sys


def run(code: str) -> list[str]:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.split()


def test_a_hardened_process_dumps_no_core_and_leaves_no_file_open_to_others() -> None:
    """H8"""
    code = """
import ctypes, os, resource, signal, sys
from amalfa.daemon.process import harden
os.umask(0)
harden()
print(resource.getrlimit(resource.RLIMIT_CORE))
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else 0)
print(oct(os.umask(0)))
print(*(signal.getsignal(n) is signal.SIG_IGN for n in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP)))
"""
    assert run(code) == ["(0,", "0)", "0", "0o77", "True", "True", "True"]


def test_the_limit_of_open_files_is_raised_as_far_as_allowed() -> None:
    code = """
import resource
from amalfa.daemon.process import descriptor_limit, harden
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 500))
print(descriptor_limit())
harden()
print(descriptor_limit())
"""
    assert run(code) == ["64", "500"]


def test_stacks_can_be_had_by_a_signal() -> None:
    code = """
import os, signal
from amalfa.daemon.process import dump_stacks_on_signal
dump_stacks_on_signal()
os.kill(os.getpid(), signal.SIGUSR1)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "most recent call first" in ran.stderr
