"""Every error SQLite can raise about a file has a sentence and a remedy."""

import apsw
import pytest

from amalfa.errors import AmalfaError
from amalfa.store.failures import StorageFull, translate, translated

ABOUT_THE_STATEMENT = {
    apsw.SQLError, apsw.ConstraintError, apsw.MismatchError, apsw.MisuseError, apsw.RangeError, apsw.TooBigError,
    apsw.SchemaChangeError, apsw.AbortError, apsw.AuthError, apsw.InternalError, apsw.EmptyError, apsw.FormatError,
    apsw.NotFoundError, apsw.NoLFSError, apsw.ProtocolError,
}  # fmt: skip


def kinds() -> list[type[apsw.Error]]:
    return sorted({type(apsw.exception_for(code)) for code in range(1, 27)}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_no_error_about_the_file_is_left_untranslated(kind: type[apsw.Error]) -> None:
    ours = translate(kind("boom"), "/state/sonar.db")
    if kind in ABOUT_THE_STATEMENT:
        assert type(ours) is kind
    else:
        assert isinstance(ours, AmalfaError)
        assert "/state/sonar.db" in ours.message
        assert ours.hint


def test_a_failed_write_means_no_room() -> None:
    error = apsw.exception_for(apsw.SQLITE_IOERR_WRITE)
    assert isinstance(translate(error, "sonar.db"), StorageFull)


def test_the_cause_travels_with_the_translation() -> None:
    with pytest.raises(StorageFull) as caught, translated("sonar.db"):
        raise apsw.FullError("database or disk is full")
    assert isinstance(caught.value.__cause__, apsw.FullError)
