"""Prepares this process for a long life in the background: limits, signals, no way to look into its memory."""

import ctypes
import faulthandler
import os
import resource
import signal
import sys

WANTED_DESCRIPTORS = 8192
_PR_SET_DUMPABLE = 4


def harden() -> None:
    """Leave no core dump with keys in it, no file open to others, and survive closed pipes and full disks."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _forbid_inspection()
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _raise_descriptor_limit()


def dump_stacks_on_signal() -> None:
    """Let SIGUSR1 write all stacks to stderr, even while the event loop is stuck."""
    if sys.__stderr__ is not None:
        faulthandler.register(signal.SIGUSR1, file=sys.__stderr__)


def descriptor_limit() -> int:
    """How many files and sockets this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def _forbid_inspection() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
