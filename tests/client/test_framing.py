import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.client.framing import MAX_HEAD_BYTES, CutOff, NotHttp, ReplyReader
from tests.client.test_events import cut


class Pieces:
    def __init__(self, *pieces: bytes) -> None:
        self._left = [piece for piece in pieces if piece]

    def receive(self) -> bytes:
        return self._left.pop(0) if self._left else b""


def read(*pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    reader = ReplyReader(Pieces(*pieces).receive)
    reader.read_head()
    return reader.status, reader.headers, b"".join(reader.body())


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
    b"5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\nTrailer: t\r\n\r\n"
)
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello worldEXTRA"
CLOSED = b"HTTP/1.0 200 OK\r\n\r\nhello world"


@given(st.sampled_from([CHUNKED, COUNTED, CLOSED]), st.lists(st.integers(min_value=0)))
def test_a_body_reads_the_same_wherever_it_is_cut(reply: bytes, places: list[int]) -> None:
    assert read(*cut(reply, places))[2] == b"hello world"


def test_header_names_are_lower_case_and_values_trimmed() -> None:
    assert read(CHUNKED)[1] == {"transfer-encoding": "chunked", "x-a": "b"}


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(CHUNKED[:-40], id="chunked"),
        pytest.param(COUNTED[:-9], id="counted"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="head"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_reply_that_ends_early_is_cut_off_never_whole(reply: bytes) -> None:
    with pytest.raises(CutOff):
        read(reply)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"\x16\x03\x01\r\n\r\n", id="noise"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 OK\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", id="a negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="a chunk size that is none"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello", id="a negative chunk size"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
            id="a chunk longer than said",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEAD_BYTES, id="an endless head"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 40_000, id="an endless chunk size"
        ),
    ],
)
def test_what_is_no_http_is_named_so(reply: bytes) -> None:
    with pytest.raises(NotHttp):
        read(reply)


@given(st.lists(st.binary()))
def test_noise_raises_nothing_else(pieces: list[bytes]) -> None:
    with contextlib.suppress(NotHttp, CutOff):
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *pieces)
