/**
 * The schema, as numbered steps. A step that was released is never changed: the next one is added instead.
 *
 * The event table has three B-trees besides its own: by stream and version (reads and optimistic concurrency), by id
 * (idempotence) and by correlation. Each of them is written with every event, so there are no more. A filter by type or category walks
 * the log in bounded pieces; one by tag has its own table, which costs only those events that have tags.
 */
import type { SchemaStep } from '../../core/store-schema.ts'
import { lossOf, type Migration } from '../sql/migration.ts'

export const migrations: readonly Migration[] = [
  {
    id: 1,
    name: 'store',
    up: `
      -- Positions are given by the store: the newest one + 1 under the write lock. None is ever used again, because rows are never deleted.
      CREATE TABLE dacapo_events (
        position INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        stream TEXT NOT NULL,
        version INTEGER NOT NULL,
        id TEXT NOT NULL,
        type TEXT NOT NULL,
        schema_version INTEGER NOT NULL,
        data TEXT NOT NULL,
        metadata TEXT NOT NULL,
        tags TEXT,
        correlation_id TEXT,
        recorded_at INTEGER NOT NULL,
        occurred_at INTEGER
      ) STRICT;
      CREATE UNIQUE INDEX dacapo_events_stream ON dacapo_events (tenant, stream, version);
      CREATE UNIQUE INDEX dacapo_events_id ON dacapo_events (tenant, id);
      -- The one index that does not start with the tenant: following a correlation across tenants needs it too.
      CREATE INDEX dacapo_events_correlation ON dacapo_events (correlation_id, tenant) WHERE correlation_id IS NOT NULL;
      CREATE TRIGGER dacapo_events_are_not_updated BEFORE UPDATE ON dacapo_events
        BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
      CREATE TRIGGER dacapo_events_are_not_deleted BEFORE DELETE ON dacapo_events
        BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

      CREATE TABLE dacapo_tags (
        tenant TEXT NOT NULL,
        tag TEXT NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (tenant, tag, position)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE dacapo_event_types (
        category TEXT NOT NULL,
        type TEXT NOT NULL,
        schema_version INTEGER NOT NULL,
        PRIMARY KEY (category, type)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE dacapo_idempotency (
        tenant TEXT NOT NULL,
        key TEXT NOT NULL,
        hash TEXT NOT NULL,
        outcome TEXT NOT NULL,
        stream TEXT NOT NULL,
        first_version INTEGER NOT NULL,
        last_version INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        PRIMARY KEY (tenant, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX dacapo_idempotency_expiry ON dacapo_idempotency (expires_at);

      CREATE TABLE dacapo_snapshots (
        tenant TEXT NOT NULL,
        stream TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        taken_at INTEGER NOT NULL,
        PRIMARY KEY (tenant, stream, fingerprint, version)
      ) STRICT;

      CREATE TABLE dacapo_views (
        view TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        indexes TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- row is null for a deleted key, whose row version goes on counting.
      CREATE TABLE dacapo_view_rows (
        tenant TEXT NOT NULL,
        view TEXT NOT NULL,
        key TEXT NOT NULL,
        row_version INTEGER NOT NULL,
        row TEXT,
        PRIMARY KEY (tenant, view, key)
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    id: 2,
    name: 'work',
    up: `
      -- The processes that work on subscriptions.
      CREATE TABLE dacapo_owners (
        owner TEXT PRIMARY KEY,
        beat INTEGER NOT NULL,
        about TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE dacapo_parts (
        subscription TEXT NOT NULL,
        part TEXT NOT NULL,
        owner TEXT,
        epoch INTEGER NOT NULL,
        position INTEGER NOT NULL,
        state TEXT NOT NULL,
        PRIMARY KEY (subscription, part)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE dacapo_records (
        kind TEXT NOT NULL,
        owner TEXT NOT NULL,
        tenant TEXT NOT NULL,
        key TEXT NOT NULL,
        slot INTEGER NOT NULL,
        status TEXT NOT NULL,
        due_at INTEGER,
        body TEXT NOT NULL,
        revision INTEGER NOT NULL,
        PRIMARY KEY (kind, owner, tenant, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX dacapo_records_due ON dacapo_records (kind, owner, due_at) WHERE due_at IS NOT NULL;

      -- Which rows of a view are live, where they are not the first ones: those of generation 2 are kept under 'name@2'.
      CREATE TABLE dacapo_generations (
        view TEXT PRIMARY KEY,
        generation INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    id: 3,
    name: 'views',
    up: `
      -- The views that appends keep, with the types of the events that they fold; NULL: any. What was registered before this step is not
      -- here, because nothing tells that nobody has left it out: it is built anew by the next app that has it.
      CREATE TABLE dacapo_kept_views (
        view TEXT PRIMARY KEY,
        types TEXT
      ) STRICT, WITHOUT ROWID;

      -- One row. Whoever appends compares the epoch with that of the set which he knows.
      CREATE TABLE dacapo_view_epoch (epoch INTEGER NOT NULL) STRICT;
      INSERT INTO dacapo_view_epoch VALUES (0);
    `,
  },
]

/** The table in which the steps are noted down. */
export const notesTable = 'CREATE TABLE IF NOT EXISTS dacapo_migrations (id INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;'

/** Notes a step down. @param now  an SQL expression, in milliseconds since 1970. */
export const noteOf = ({ id }: Migration, now: string): string => `INSERT INTO dacapo_migrations (id, applied_at) VALUES (${id}, ${now});`

/** The steps as scripts for the sqlite3 shell, or for any other tool. */
export const scripts: readonly SchemaStep[] = migrations.map((migration) => {
  const { id, name, up } = migration
  const title = `-- Dacapo on SQLite, step ${id}: ${name}`
  return {
    id,
    name,
    up: `${title}
-- Run it with "sqlite3 -bail", which stops at the first error. Leave out BEGIN and COMMIT if your tool makes a transaction of its own.
BEGIN IMMEDIATE;
${notesTable}
${up.trim().replaceAll(/^ {6}/gm, '')}

${noteOf(migration, "CAST(strftime('%s', 'now') AS INTEGER) * 1000")}
COMMIT;
`,
    down: `${title}, taken back
--
${lossOf(id)}
BEGIN IMMEDIATE;
${undoOf(up)}
${id === 1 ? 'DROP TABLE dacapo_migrations;' : `DELETE FROM dacapo_migrations WHERE id = ${id};`}
COMMIT;
`,
  }
})

/** Drops what a step creates; indexes and triggers go with their tables. */
function undoOf(up: string): string {
  return [...up.matchAll(/^ *CREATE TABLE (\w+)/gm)].map(([, name]) => `DROP TABLE ${name};`).join('\n')
}
