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

FINISHED = """
CREATE TABLE finished (
    route       TEXT NOT NULL,
    key         TEXT NOT NULL,
    body_hash   TEXT NOT NULL,
    reply       BLOB NOT NULL,
    headers     TEXT NOT NULL,
    at_s        INTEGER NOT NULL,
    PRIMARY KEY (route, key)
) STRICT;
CREATE INDEX finished_by_time ON finished (at_s);
"""

JOBS = """
CREATE TABLE job (
    id             TEXT PRIMARY KEY,
    task           TEXT NOT NULL,
    state          TEXT NOT NULL DEFAULT 'running',
    reason         TEXT NOT NULL DEFAULT '',
    terms          TEXT NOT NULL,
    is_write       INTEGER NOT NULL,
    settings_hash  TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    finished_at    TEXT,
    waits          INTEGER NOT NULL DEFAULT 0,
    not_before     REAL NOT NULL DEFAULT 0,
    late           INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX job_open ON job (state) WHERE state IN ('running', 'paused');
CREATE INDEX job_by_time ON job (created_at);
CREATE TABLE item (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id         TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    idem           TEXT NOT NULL,
    path           TEXT NOT NULL,
    content_hash   TEXT NOT NULL,
    state          TEXT NOT NULL DEFAULT 'queued',
    attempts       INTEGER NOT NULL DEFAULT 0,
    interruptions  INTEGER NOT NULL DEFAULT 0,
    not_before     REAL NOT NULL DEFAULT 0,
    owner          TEXT,
    lease_until    REAL,
    fence          INTEGER NOT NULL DEFAULT 0,
    error_code     TEXT,
    error          TEXT,
    settled        INTEGER
) STRICT;
CREATE INDEX item_by_job ON item (job_id, state);
CREATE INDEX item_queued ON item (job_id, interruptions, id) WHERE state = 'queued';
CREATE INDEX item_open ON item (idem, state) WHERE state IN ('queued', 'running');
CREATE INDEX item_running ON item (owner) WHERE state = 'running';
CREATE INDEX item_settled ON item (job_id, settled) WHERE settled IS NOT NULL;
CREATE INDEX item_failed ON item (job_id) WHERE state = 'failed';
CREATE TABLE result (
    idem           TEXT PRIMARY KEY,
    item_id        INTEGER NOT NULL UNIQUE,
    job_id         TEXT NOT NULL,
    path           TEXT NOT NULL,
    content_hash   TEXT NOT NULL,
    output         TEXT NOT NULL,
    model          TEXT NOT NULL,
    tier           TEXT NOT NULL,
    tokens_in      INTEGER,
    tokens_out     INTEGER,
    cost_usd       REAL,
    ms             INTEGER NOT NULL,
    finished_at    TEXT NOT NULL
) STRICT;
CREATE INDEX result_by_job ON result (job_id, tokens_in, tokens_out, cost_usd);
"""

CONFIDED = """
CREATE TABLE confided (
    digest      BLOB PRIMARY KEY,
    privacy     TEXT NOT NULL,
    at_s        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX confided_by_time ON confided (at_s);
CREATE TABLE confided_salt (salt BLOB NOT NULL) STRICT;
INSERT INTO confided_salt (salt) VALUES (randomblob(16));
"""

SONAR_DB = (
    ("ledger", LEDGER),
    ("conversations", CONVERSATIONS),
    ("money", MONEY),
    ("json", JSON),
    ("finished", FINISHED),
    ("jobs", JOBS),
    ("confided", CONFIDED),
)
