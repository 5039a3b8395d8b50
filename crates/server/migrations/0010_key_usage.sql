-- How much a key is used: calls by hour and route, and by day for the rest. Rows older than 90 days are deleted.

CREATE TABLE api_key_hour (
    key_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    -- Method and pattern, such as `GET /api/v1/projects`.
    route TEXT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (key_id, hour, route)
);
CREATE INDEX api_key_hour_old ON api_key_hour (hour);

CREATE TABLE api_key_day (
    key_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    -- machine, client, scope
    facet TEXT NOT NULL,
    value TEXT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (key_id, day, facet, value)
);
CREATE INDEX api_key_day_old ON api_key_day (day);
