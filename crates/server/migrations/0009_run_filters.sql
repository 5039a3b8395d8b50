-- Runs are looked for by who uploaded them, with which key, and when.
CREATE INDEX run_person ON run (project_id, person_id, number);
CREATE INDEX run_key ON run (project_id, key_handle, number);
CREATE INDEX run_created ON run (project_id, created_at, number);
