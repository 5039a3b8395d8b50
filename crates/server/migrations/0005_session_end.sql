-- When a session ends at the latest, where that is sooner than for all: those of programs that signed in for one build.
ALTER TABLE session ADD COLUMN ends_at BIGINT;
