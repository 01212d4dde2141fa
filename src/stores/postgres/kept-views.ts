/**
 * The views that appends keep, in PostgreSQL.
 *
 * Invariant: who changes them has claimed them, and commits with the order lock. So an append of the store's own sees, under that lock,
 * the epoch of now; and one that is open in a transaction, and concerns the view, is either committed before or checked after.
 */
import type { KeptViews, ViewDefinition } from '../../core/view-store.ts'
import { isKeptSo, keptViewsStatement, toKeptViews, typesText } from '../sql/kept-views.ts'
import { keptViewsFunctions } from './append-functions.ts'
import { firstOf, type PgClient, rowsOf } from './pg.ts'

/** @param schema  its name, quoted. */
export const keptViewsSchema = (schema: string): string => `
-- The views that appends keep, with the types of the events that they fold; null: any. What was registered before this step is not here,
-- because nothing tells that nobody has left it out: it is built anew by the next app that has it.
CREATE TABLE ${schema}.kept_views (
  view text COLLATE "C" PRIMARY KEY,
  types text
);

-- One row. Whoever appends compares the epoch with that of the set which he knows. It is found by index, as all that the batch function
-- looks for: PostgreSQL up to 17 takes a plan without one for so expensive that it compiles it anew for each batch.
CREATE TABLE ${schema}.view_epoch (
  id integer PRIMARY KEY CHECK (id = 1),
  epoch bigint NOT NULL
);
INSERT INTO ${schema}.view_epoch VALUES (1, 0);
${keptViewsFunctions(schema)}`

/** In one statement, so that the epoch is that of exactly these views. */
export async function keptViews(client: PgClient, schema: string): Promise<KeptViews> {
  return toKeptViews(await rowsOf(client, keptViewsStatement(`${schema}.`)))
}

/** Waits until nobody else changes views, and no transaction is open that has appended what one of them folds. */
export async function claimViews(client: PgClient, schema: string, claims: readonly string[], withOrderLock: boolean): Promise<void> {
  const claimed = async () => (await firstOf(client, `SELECT ${schema}.claim_views($1, $2)`, [claims, withOrderLock]))?.[0] === true
  while (!(await claimed())) await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())))
}

/** Whoever waited behind an attempt gets through before the next one. */
const pauseMs = 100

/** Makes a registered view one that appends keep. @param before  the set without it. */
export async function keep(client: PgClient, schema: string, definition: ViewDefinition, before: KeptViews): Promise<void> {
  if (isKeptSo(before, definition)) return
  const { view, types } = definition
  const text = `INSERT INTO ${schema}.kept_views (view, types) VALUES ($1, $2) ON CONFLICT (view) DO UPDATE SET types = excluded.types`
  await rowsOf(client, text, [view, typesText(types)])
  await raiseEpoch(client, schema)
}

export async function raiseEpoch(client: PgClient, schema: string): Promise<void> {
  await rowsOf(client, `UPDATE ${schema}.view_epoch SET epoch = epoch + 1`)
}
