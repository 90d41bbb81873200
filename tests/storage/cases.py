"""What may happen to the database files, and what must come of it."""

from types import MappingProxyType

from tests.casebook import Casebook

CASES = MappingProxyType(
    {
        "E1": "disk full: jobs and paid calls are refused with 507, free answers go on; recovers alone",
        "E2": "a file size limit counts as a full disk",
        "E3": "any write or flush that fails: what was acknowledged stays, nothing lies",
        "E4": "pages overwritten: set aside, ledger and jobs salvaged, index and cache made anew",
        "E5": "not a database: handled as damage",
        "E6": "cut to 0 bytes: noticed, not taken for an empty database",
        "E7": "removed while open: alarm, and no more work is taken",
        "E8": "log or shared memory deleted, open or closed: noticed or mended, no silent loss",
        "E9": "read-only folder or file: sonar ends with the reason",
        "E10": "locked by another program: 503 after the busy timeout, health answers meanwhile",
        "E11": "no transaction turns from reader to writer: all that write begin IMMEDIATE",
        "E12": "a reader that holds on: the log's growth is told, and it is folded afterwards",
        "E13": "a million ledger rows: start in 2 s, every query over an index",
    }
)
"""Number → required outcome."""

CASEBOOK = Casebook(CASES, ("storage", "store"))
