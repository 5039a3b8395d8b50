-- What people are told, the channels they chose, and the webhooks of organizations.

CREATE TABLE notice (
    id BIGINT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id),
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    -- Path on this server that leads to what it is about.
    href TEXT NOT NULL,
    -- What it is about, such as a key's handle; told once a day at most where a kind says so.
    subject TEXT NOT NULL,
    read_at BIGINT
);
CREATE INDEX notice_person ON notice (person_id, id);
CREATE INDEX notice_unread ON notice (person_id) WHERE read_at IS NULL;
CREATE INDEX notice_subject ON notice (subject, kind, at);

-- Kinds for which a person chose other than the default.
CREATE TABLE notice_choice (
    person_id BIGINT NOT NULL REFERENCES person (id),
    kind TEXT NOT NULL,
    by_mail BOOLEAN NOT NULL,
    PRIMARY KEY (person_id, kind)
);

-- The secret that signs is derived from a key outside the database and stands in no table.
CREATE TABLE webhook (
    id BIGINT PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    url TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by BIGINT NOT NULL REFERENCES person (id)
);
CREATE INDEX webhook_organization ON webhook (organization_id, id);

CREATE TABLE webhook_delivery (
    id BIGINT PRIMARY KEY,
    webhook_id BIGINT NOT NULL,
    -- The same for each attempt at one message.
    message TEXT NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    status BIGINT,
    problem TEXT
);
CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook_id, id);
CREATE INDEX webhook_delivery_at ON webhook_delivery (at);

-- Days before its end that a key's owner was told of. A key whose end was moved is told of anew.
CREATE TABLE api_key_expiry_notice (
    key_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    days BIGINT NOT NULL,
    PRIMARY KEY (key_id, expires_at, days)
);
CREATE INDEX api_key_expires ON api_key (expires_at) WHERE revoked_at IS NULL AND disabled_at IS NULL;
