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

MONEY = """
ALTER TABLE attempt ADD COLUMN team TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN hint TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN strategy TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN reserved_usd REAL;
ALTER TABLE attempt ADD COLUMN cost_source TEXT;
ALTER TABLE attempt ADD COLUMN day TEXT NOT NULL DEFAULT '';
UPDATE attempt SET
    day = substr(started_at, 1, 10),
    cost_usd = round(cost_usd, 9),
    cost_source = CASE
        WHEN state = 'started' THEN NULL
        WHEN cost_usd IS NOT NULL THEN 'reported'
        WHEN tier = 'cloud' THEN 'unknown'
        ELSE 'none' END;
CREATE INDEX attempt_by_request ON attempt (request_id);
CREATE INDEX attempt_unsettled ON attempt (started_at) WHERE cost_usd IS NULL AND tier = 'cloud';
CREATE TABLE tally (
    day             TEXT NOT NULL,
    team            TEXT NOT NULL,
    spent_usd       REAL NOT NULL,
    reserved_usd    REAL NOT NULL,
    PRIMARY KEY (day, team)
) STRICT, WITHOUT ROWID;
INSERT INTO tally (day, team, spent_usd, reserved_usd)
    SELECT day, team, round(sum(cost_usd), 9), 0.0 FROM attempt WHERE cost_usd > 0 GROUP BY day, team;
"""

JSON = """
ALTER TABLE attempt ADD COLUMN json_gate TEXT;
CREATE INDEX attempt_json ON attempt (started_at) WHERE json_gate IS NOT NULL;
"""

SONAR_DB = (("ledger", LEDGER), ("conversations", CONVERSATIONS), ("money", MONEY), ("json", JSON))
