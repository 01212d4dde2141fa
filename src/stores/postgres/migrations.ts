/**
 * The schema, as numbered steps. A step that was released is never changed: the next one is added instead.
 *
 * The event table has four B-trees: by stream and version (reads and optimistic concurrency), by id (idempotence), by position (the
 * log), and by correlation where there is one. A fifth, over the few events that wait for their position, is nearly always empty.
 *
 * Partitioned, the event table is split by a hash of tenant and stream, so a stream is in one partition. PostgreSQL keeps unique over
 * all partitions only what the hash is made of. Event ids therefore are in a table of their own, which each insert fills; a position
 * is given once because it is given under the order lock.
 */
import type { SchemaStep } from '../../core/store-schema.ts'
import { lossOf, type Migration } from '../sql/migration.ts'
import { appendFunctions } from './append-functions.ts'
import { keptViewsSchema } from './kept-views.ts'
import { workSchema } from './work-schema.ts'

/** What differs from schema to schema. */
export interface SchemaChoice {
  readonly schemaName: string
  /** Of the event table; absent: it is in one piece. */
  readonly partitions?: number | undefined
}

/** The steps for one schema. */
export function migrationsFor({ schemaName, partitions }: SchemaChoice): readonly Migration[] {
  const schema = `"${schemaName}"`
  return [
    { id: 1, name: 'store', up: `${tables(schema, partitions)}\n${appendFunctions(schema)}` },
    { id: 2, name: 'work', up: workSchema(schema) },
    { id: 3, name: 'views', up: keptViewsSchema(schema) },
  ]
}

/** Only one process at a time migrates a schema; the lock ends with the transaction, so it also does behind a pooler. */
export const migrationLock = ({ schemaName }: SchemaChoice): string =>
  `SELECT pg_advisory_xact_lock(hashtextextended('dacapo migrate ${schemaName}', 0));`

/** The table in which the steps are noted down. */
export const notesTable = ({ schemaName }: SchemaChoice): string =>
  `CREATE TABLE IF NOT EXISTS "${schemaName}".migrations (id integer PRIMARY KEY, name text NOT NULL, applied_at bigint NOT NULL);`

/** Notes a step down. */
export const noteOf = ({ schemaName }: SchemaChoice, { id, name }: Migration): string =>
  `INSERT INTO "${schemaName}".migrations (id, name, applied_at) VALUES (${id}, '${name}', (extract(epoch FROM clock_timestamp()) * 1000)::bigint);`

/** The steps as scripts for psql, or for any other tool. */
export function scriptsFor(choice: SchemaChoice): readonly SchemaStep[] {
  const schema = `"${choice.schemaName}"`
  return migrationsFor(choice).map((migration) => {
    const { id, name, up } = migration
    const title = `-- Dacapo on PostgreSQL, schema ${choice.schemaName}, step ${id}: ${name}`
    return {
      id,
      name,
      up: `${title}
-- Leave out BEGIN and COMMIT if your tool makes a transaction of its own.
BEGIN;
${migrationLock(choice)}
CREATE SCHEMA IF NOT EXISTS ${schema};
${notesTable(choice)}
${up.trim()}

${noteOf(choice, migration)}
COMMIT;
`,
      down: `${title}, taken back
--
${lossOf(id)}
-- It stops at whatever else depends on these tables. The schema itself stays, because it may hold tables of others.
BEGIN;
${migrationLock(choice)}
${undoOf(up)}
${id === 1 ? `DROP TABLE ${schema}.migrations;` : `DELETE FROM ${schema}.migrations WHERE id = ${id};`}
COMMIT;
`,
    }
  })
}

/** Drops what a step creates; partitions, indexes and triggers go with their tables. */
function undoOf(up: string): string {
  const made = (pattern: RegExp) => [...up.matchAll(pattern)].map(([, name]) => name as string)
  return [
    // Functions that give back rows of a table depend on it; triggers that go with their tables depend on functions.
    ...made(/^CREATE FUNCTION ([^\s(]+)[^\n]* RETURNS SETOF /gm).map((name) => `DROP FUNCTION ${name};`),
    ...made(/^CREATE TABLE (\S+) \(/gm).map((name) => `DROP TABLE ${name};`),
    ...made(/^CREATE SEQUENCE ([^\s;]+)/gm).map((name) => `DROP SEQUENCE ${name};`),
    ...made(/^CREATE FUNCTION ([^\s(]+)(?![^\n]* RETURNS SETOF )/gm).map((name) => `DROP FUNCTION ${name};`),
  ].join('\n')
}

const tables = (schema: string, partitions: number | undefined): string => `
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
)${partitions === undefined ? '' : ' PARTITION BY HASH (tenant, stream)'};
${partitions === undefined ? uniqueInOnePiece(schema) : uniqueInPartitions(schema, partitions)}
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
${['events', ...Array.from({ length: partitions ?? 0 }, (_, i) => `events_${i}`)].map((table) => notEmptied(schema, table)).join('\n')}

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

const uniqueInOnePiece = (schema: string): string => `CREATE UNIQUE INDEX events_id ON ${schema}.events (tenant, id);
CREATE UNIQUE INDEX events_position ON ${schema}.events (position) WHERE position IS NOT NULL;`

const uniqueInPartitions = (schema: string, partitions: number): string => `
${Array.from(
  { length: partitions },
  (_, i) => `CREATE TABLE ${schema}.events_${i} PARTITION OF ${schema}.events FOR VALUES WITH (MODULUS ${partitions}, REMAINDER ${i});`,
).join('\n')}
CREATE INDEX events_id ON ${schema}.events (tenant, id);
CREATE INDEX events_position ON ${schema}.events (position) WHERE position IS NOT NULL;

-- An id is used once in all partitions: who inserts an event inserts its id here, and fails when it is there.
CREATE TABLE ${schema}.event_ids (
  tenant text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE FUNCTION ${schema}.keep_ids() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ${schema}.event_ids SELECT tenant, id FROM inserted;
  RETURN NULL;
END $$;
CREATE TRIGGER events_have_ids AFTER INSERT ON ${schema}.events REFERENCING NEW TABLE AS inserted
  FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.keep_ids();`

const notEmptied = (schema: string, table: string): string =>
  `CREATE TRIGGER events_are_not_emptied BEFORE TRUNCATE ON ${schema}.${table} FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.refuse_change();`
