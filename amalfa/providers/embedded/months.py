"""Names of months, and days written in words turned into 2024-06-13, so that all spellings compare as one."""

import re
from collections.abc import Mapping

MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero gennaio",
            "february feb februar fevrier febrero febbraio",
            "march mar marz mars marzo",
            "april apr avril abril aprile",
            "may mai mayo maggio",
            "june jun juni juin junio giugno",
            "july jul juli juillet julio luglio",
            "august aug aout agosto",
            "september sept sep septembre septiembre settembre",
            "october oct oktober octobre octubre ottobre",
            "november nov novembre noviembre",
            "december dec dezember decembre diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
MONTH_PATTERN = "|".join(sorted(MONTHS, key=len, reverse=True))

_DAY = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of |de )?(?P<month>{MONTH_PATTERN})\.?,? (?:de )?(?P<year>\d{{4}})\b"
    rf"|\b(?P<month2>{MONTH_PATTERN})\.? (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year2>\d{{4}})\b"
    r"|(?P<year3>\d{4})年(?P<month3>\d{1,2})月(?P<day3>\d{1,2})日"
    r"|\b(?P<day4>\d{1,2})\.(?P<month4>\d{1,2})\.(?P<year4>(?:19|20)\d{2})\b"
)
_MONTH = re.compile(rf"\b(?P<month>{MONTH_PATTERN})\.?,? (?:de )?(?P<year>(?:19|20)\d{{2}})\b")
_YEAR = re.compile(r"\d{4}")


def with_iso_days(folded: str) -> str:
    """A folded text with days as YYYY-MM-DD and months of a year as YYYY-MM.

    Days with slashes stay as they are: nobody can tell their order.
    """
    if not _YEAR.search(folded):
        return folded
    return _MONTH.sub(_iso_month, _DAY.sub(_iso_day, folded))


def _iso_month(found: re.Match[str]) -> str:
    return f"{found['year']}-{MONTHS[found['month']]:02}"


def _iso_day(found: re.Match[str]) -> str:
    parts = {name.rstrip("234"): value for name, value in found.groupdict().items() if value}
    month = MONTHS.get(parts["month"]) or int(parts["month"])
    return f"{parts['year']}-{month:02}-{int(parts['day']):02}"
