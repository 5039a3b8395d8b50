-- Runs and results, and the uploads they come from.

CREATE TABLE run (
    id BIGINT PRIMARY KEY,
    project_id BIGINT NOT NULL REFERENCES project (id),
    -- Counts the project's runs from 1.
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    -- running, importing, done, closed
    stage TEXT NOT NULL,
    total BIGINT NOT NULL,
    passed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    error BIGINT NOT NULL,
    incomplete BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    not_run BIGINT NOT NULL,
    flaky BIGINT NOT NULL,
    duration_ms BIGINT,
    started_at BIGINT,
    ended_at BIGINT,
    session_id TEXT,
    build_label TEXT,
    build_url TEXT,
    branch TEXT,
    commit_hash TEXT,
    -- JSON list of texts.
    tags TEXT NOT NULL,
    -- JSON list of pairs.
    environment TEXT NOT NULL,
    person_id BIGINT NOT NULL REFERENCES person (id),
    key_handle TEXT,
    created_at BIGINT NOT NULL,
    touched_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX run_number ON run (project_id, number);
CREATE UNIQUE INDEX run_session ON run (project_id, session_id);
CREATE INDEX run_status ON run (project_id, status, number);
CREATE INDEX run_branch ON run (project_id, branch, number);
CREATE INDEX run_live ON run (touched_at) WHERE stage = 'running';

-- The number the next run of a project gets; taken in the transaction that makes the run.
CREATE TABLE run_counter (
    project_id BIGINT PRIMARY KEY REFERENCES project (id),
    next BIGINT NOT NULL
);

-- Numbers given out to a run that turned out to be part of another; printed addresses keep working.
CREATE TABLE run_alias (
    project_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    run_id BIGINT NOT NULL REFERENCES run (id),
    PRIMARY KEY (project_id, number)
);
CREATE INDEX run_alias_run ON run_alias (run_id);

-- An identity that lives across runs.
CREATE TABLE test_case (
    id BIGINT PRIMARY KEY,
    project_id BIGINT NOT NULL,
    -- Half a SHA-256 of the identity, hexadecimal.
    key_hash TEXT NOT NULL,
    name TEXT NOT NULL,
    class_name TEXT
);
CREATE UNIQUE INDEX test_case_key ON test_case (project_id, key_hash);

-- The tables below hold most of the rows. They name their parents without REFERENCES: checking each row costs more
-- than writing it, and only the importer writes them. `upload_id` is empty for provisional rows of a run in progress.

CREATE TABLE suite (
    id BIGINT PRIMARY KEY,
    run_id BIGINT NOT NULL,
    upload_id BIGINT,
    parent_id BIGINT,
    name TEXT NOT NULL,
    hostname TEXT,
    started_at BIGINT,
    duration_ms DOUBLE PRECISION,
    total BIGINT NOT NULL,
    passed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    error BIGINT NOT NULL,
    incomplete BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    not_run BIGINT NOT NULL,
    flaky BIGINT NOT NULL,
    -- JSON: output, properties, failures outside any test.
    detail TEXT
);
CREATE INDEX suite_run ON suite (run_id, id);
CREATE INDEX suite_upload ON suite (upload_id);

CREATE TABLE result (
    id BIGINT PRIMARY KEY,
    run_id BIGINT NOT NULL,
    suite_id BIGINT,
    case_id BIGINT NOT NULL,
    upload_id BIGINT,
    name TEXT NOT NULL,
    class_name TEXT,
    status TEXT NOT NULL,
    is_flaky BOOLEAN NOT NULL,
    is_deciding BOOLEAN NOT NULL,
    attempt BIGINT NOT NULL,
    duration_ms DOUBLE PRECISION,
    started_at BIGINT,
    message TEXT
);
-- Lists of a run: the alphabet happens to put ERROR, FAILED and INCOMPLETE first, as people want them.
CREATE INDEX result_run ON result (run_id, is_deciding, status, id);
CREATE INDEX result_case ON result (case_id, run_id, id);
CREATE INDEX result_upload ON result (upload_id, id);
CREATE INDEX result_flaky ON result (run_id, is_deciding) WHERE is_flaky;

-- Only where there is something to tell.
CREATE TABLE result_detail (
    result_id BIGINT PRIMARY KEY,
    body TEXT NOT NULL
);

CREATE TABLE attachment (
    id BIGINT PRIMARY KEY,
    run_id BIGINT NOT NULL,
    upload_id BIGINT NOT NULL,
    -- Empty: belongs to the run as a whole.
    result_id BIGINT,
    name TEXT NOT NULL,
    blob TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    mime TEXT NOT NULL
);
CREATE INDEX attachment_run ON attachment (run_id, result_id, id);
CREATE INDEX attachment_result ON attachment (result_id, id);
CREATE INDEX attachment_upload ON attachment (upload_id);

-- A place for a file, for which a client asked an address.
CREATE TABLE file (
    id BIGINT PRIMARY KEY,
    project_id BIGINT NOT NULL REFERENCES project (id),
    -- Opaque and unguessable; names the file when it is announced.
    path TEXT NOT NULL UNIQUE,
    -- SHA-256 of the token in the upload address.
    token_hash TEXT NOT NULL UNIQUE,
    -- Empty until bytes came.
    blob TEXT,
    bytes BIGINT NOT NULL,
    person_id BIGINT NOT NULL REFERENCES person (id),
    key_handle TEXT,
    created_at BIGINT NOT NULL,
    received_at BIGINT
);

CREATE TABLE upload (
    id BIGINT PRIMARY KEY,
    project_id BIGINT NOT NULL REFERENCES project (id),
    -- The client's own name for it.
    batch TEXT NOT NULL,
    run_id BIGINT NOT NULL REFERENCES run (id),
    format TEXT,
    session_id TEXT,
    -- receiving, importing, done, partly_refused, refused
    stage TEXT NOT NULL,
    -- The client said that no more files come.
    is_complete BOOLEAN NOT NULL,
    -- Grows when the files change, so that an import of older files is not taken for the last word.
    revision BIGINT NOT NULL,
    person_id BIGINT NOT NULL REFERENCES person (id),
    key_handle TEXT,
    created_at BIGINT NOT NULL,
    touched_at BIGINT NOT NULL,
    -- An import has begun: rows of it may exist.
    began_at BIGINT,
    imported_at BIGINT,
    -- What the reports of this upload add to their run.
    started_at BIGINT,
    ended_at BIGINT,
    duration_ms DOUBLE PRECISION,
    is_cut_off BOOLEAN NOT NULL,
    has_suite_failures BOOLEAN NOT NULL,
    -- Imports that broke down, through no fault of the files.
    failures BIGINT NOT NULL
);
CREATE UNIQUE INDEX upload_batch ON upload (project_id, batch);
CREATE INDEX upload_run ON upload (run_id, id);
CREATE INDEX upload_stage ON upload (stage, id);

CREATE TABLE upload_file (
    upload_id BIGINT NOT NULL REFERENCES upload (id),
    seq BIGINT NOT NULL,
    path TEXT NOT NULL,
    -- Where the bytes are when they came, or will come, through an address.
    file_id BIGINT REFERENCES file (id),
    -- What was, or will be, read; empty until bytes came.
    blob TEXT,
    bytes BIGINT NOT NULL,
    -- waiting, read, kept, refused
    outcome TEXT NOT NULL,
    format TEXT,
    results BIGINT NOT NULL,
    -- JSON: line, column, message.
    problem TEXT,
    -- JSON list of the same.
    repairs TEXT,
    PRIMARY KEY (upload_id, seq)
);
CREATE UNIQUE INDEX upload_file_path ON upload_file (upload_id, path);
CREATE INDEX upload_file_file ON upload_file (file_id);
