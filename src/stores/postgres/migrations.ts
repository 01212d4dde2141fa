/**
 * The schema, as numbered steps. A step that was released is never changed: the next one is added instead.
 *
 * The event table has four B-trees: by stream and version (reads and optimistic concurrency), by id (idempotence), by position (the
 * log), and by correlation where there is one. A fifth, over the few events that wait for their position, is nearly always empty.
 */
import { appendFunctions } from './append-functions.ts'

/** One step. */
export interface Migration {
  /** From 1, without gaps. */
  readonly id: number
  readonly name: string
  readonly up: string
  readonly down: string
}

/** The steps for one schema. @param schema  its name, quoted. */
export function migrationsFor(schema: string): readonly Migration[] {
  return [{ id: 1, name: 'store', up: `${tables(schema)}\n${appendFunctions(schema)}`, down: `DROP SCHEMA ${schema} CASCADE;` }]
}

const tables = (schema: string): string => `
-- Committed events in the order of their commits. One that was appended in somebody's own transaction has no position until the next
-- one who holds the order lock gives it one: that is the only change a row ever sees.
CREATE TABLE ${schema}.events (
  position bigint,
  staged bigint,
  tenant text COLLATE "C" NOT NULL,
  stream text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  schema_version integer NOT NULL,
  data text NOT NULL,
  metadata text NOT NULL,
  tags json,
  correlation_id text COLLATE "C",
  recorded_at bigint,
  occurred_at bigint,
  PRIMARY KEY (tenant, stream, version),
  CHECK ((position IS NULL) = (recorded_at IS NULL)),
  CHECK ((position IS NULL) = (staged IS NOT NULL))
);
CREATE UNIQUE INDEX events_id ON ${schema}.events (tenant, id);
CREATE UNIQUE INDEX events_position ON ${schema}.events (position) WHERE position IS NOT NULL;
CREATE INDEX events_staged ON ${schema}.events (staged) WHERE position IS NULL;
CREATE INDEX events_correlation ON ${schema}.events (correlation_id, position) WHERE correlation_id IS NOT NULL;
CREATE SEQUENCE ${schema}.staged;

CREATE FUNCTION ${schema}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.position IS NULL AND NEW.position IS NOT NULL
    AND (OLD.tenant, OLD.stream, OLD.version, OLD.id, OLD.type, OLD.schema_version, OLD.data, OLD.metadata, OLD.tags::text, OLD.correlation_id, OLD.occurred_at)
      IS NOT DISTINCT FROM (NEW.tenant, NEW.stream, NEW.version, NEW.id, NEW.type, NEW.schema_version, NEW.data, NEW.metadata, NEW.tags::text, NEW.correlation_id, NEW.occurred_at)
  THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'events are never changed or deleted' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER events_are_kept BEFORE UPDATE OR DELETE ON ${schema}.events FOR EACH ROW EXECUTE FUNCTION ${schema}.refuse_change();
CREATE TRIGGER events_are_not_emptied BEFORE TRUNCATE ON ${schema}.events FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.refuse_change();

CREATE TABLE ${schema}.tags (
  tenant text COLLATE "C" NOT NULL,
  tag text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (tenant, tag, position)
);

CREATE TABLE ${schema}.event_types (
  category text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  schema_version integer NOT NULL,
  PRIMARY KEY (category, type)
);

CREATE TABLE ${schema}.idempotency (
  tenant text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  hash text NOT NULL,
  outcome text NOT NULL,
  stream text NOT NULL,
  first_version bigint NOT NULL,
  last_version bigint NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_expiry ON ${schema}.idempotency (expires_at);

CREATE TABLE ${schema}.snapshots (
  tenant text COLLATE "C" NOT NULL,
  stream text COLLATE "C" NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  body text NOT NULL,
  taken_at bigint NOT NULL,
  PRIMARY KEY (tenant, stream, fingerprint, version)
);

CREATE TABLE ${schema}.views (
  view text COLLATE "C" PRIMARY KEY,
  fingerprint text NOT NULL,
  indexes json NOT NULL
);

-- row is null for a deleted key, whose row version goes on counting.
CREATE TABLE ${schema}.view_rows (
  tenant text COLLATE "C" NOT NULL,
  view text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  row_version bigint NOT NULL,
  row json,
  PRIMARY KEY (tenant, view, key)
) WITH (fillfactor = 80);`
