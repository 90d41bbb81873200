"""The tables of sonar.db, as the ordered steps that make them. A step that has shipped is never edited."""

LEDGER = """
CREATE TABLE attempt (
    id            INTEGER PRIMARY KEY,
    request_id    TEXT NOT NULL,
    task          TEXT NOT NULL,
    model         TEXT NOT NULL,
    provider      TEXT NOT NULL,
    tier          TEXT NOT NULL,
    privacy       TEXT NOT NULL,
    generation    INTEGER NOT NULL,
    started_at    TEXT NOT NULL,
    boot          TEXT NOT NULL,
    state         TEXT NOT NULL DEFAULT 'started',
    error_code    TEXT,
    tokens_in     INTEGER,
    tokens_out    INTEGER,
    cost_usd      REAL,
    ms            INTEGER,
    upstream_id   TEXT,
    repairs       TEXT
) STRICT;
CREATE INDEX attempt_by_time ON attempt (started_at);
CREATE INDEX attempt_open ON attempt (state) WHERE state = 'started';
"""

CONVERSATIONS = """
CREATE TABLE turn (
    session     TEXT NOT NULL,
    position    INTEGER NOT NULL,
    role        TEXT NOT NULL,
    content     TEXT NOT NULL,
    privacy     TEXT NOT NULL,
    said_at     TEXT NOT NULL,
    PRIMARY KEY (session, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX turn_by_time ON turn (said_at);
"""

SONAR_DB = (("ledger", LEDGER), ("conversations", CONVERSATIONS))
