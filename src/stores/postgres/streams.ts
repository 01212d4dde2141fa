/** Streams are where their events are: nothing else is kept of them. The index by stream and version answers all of it. */
import type { ListStreamsOptions, StreamInfo } from '../../core/event-store.ts'
import type { SqlStatement } from '../../core/sql.ts'
import { fragment, join, literal } from '../sql/fragment.ts'
import { firstOf, type PgClient } from './pg.ts'
import { headOf, type ReadContext } from './read.ts'
import { select } from './sql-text.ts'

/** How many names one statement walks. */
const longestWalk = 5000

/** A stream without its events. */
export async function streamInfo(
  { schema, now, read, inTransaction = false }: ReadContext,
  tenant: string,
  stream: string,
): Promise<StreamInfo | undefined> {
  const info = await read((client) => infoOf(client, schema, tenant, stream))
  if (!info || info.lastPosition > 0 || inTransaction) return info
  await read((client) => headOf(client, schema, now()))
  return read((client) => infoOf(client, schema, tenant, stream))
}

async function infoOf(client: PgClient, schema: string, tenant: string, stream: string): Promise<StreamInfo | undefined> {
  const row = await firstOf(
    client,
    `SELECT version, position, recorded_at,
       (SELECT position FROM ${schema}.events WHERE tenant = newest.tenant AND stream = newest.stream ORDER BY version LIMIT 1)
     FROM ${schema}.events newest WHERE tenant = $1 AND stream = $2 ORDER BY version DESC LIMIT 1`,
    [tenant, stream],
  )
  if (!row) return undefined
  const [version, lastPosition, recordedAt, firstPosition] = row.map((value) => value ?? 0) as [number, number, number, number]
  return { tenant, stream, version, firstPosition, lastPosition, recordedAt }
}

/** Streams by name; a search walks the names of the tenant. */
export async function listStreams(
  context: ReadContext,
  { tenant = '', category, search = '', after, limit = 100 }: ListStreamsOptions = {},
): Promise<readonly StreamInfo[]> {
  const found: StreamInfo[] = []
  for (let last = after; ; ) {
    const count = search === '' ? Math.min(limit - found.length, longestWalk) : longestWalk
    const names = await context.read((client) => namesOf(client, context.schema, tenant, category, last, count))
    for (const name of names) {
      if (found.length < limit && name.includes(search)) found.push((await streamInfo(context, tenant, name)) as StreamInfo)
    }
    last = names.at(-1)
    if (last === undefined || found.length >= limit) return found
  }
}

/** The next names of a tenant or of a category in it, each found by one step in the index, however many events it has. */
async function namesOf(
  client: PgClient,
  schema: string,
  tenant: string,
  category: string | undefined,
  after: string | undefined,
  count: number,
): Promise<readonly string[]> {
  // The character after "-" is ".".
  const inCategory = category === undefined ? [] : [fragment`stream >= ${`${category}-`}`, fragment`stream < ${`${category}.`}`]
  const next = (...conditions: readonly SqlStatement[]) =>
    fragment`SELECT stream FROM ${literal(schema)}.events
      WHERE ${join([fragment`tenant = ${tenant}`, ...inCategory, ...conditions], ' AND ')} ORDER BY stream LIMIT 1`
  const first = after === undefined ? next() : next(fragment`stream > ${after}`)
  const rows = await select(
    client,
    fragment`WITH RECURSIVE names (name) AS (
        SELECT (${first}) UNION ALL SELECT (${next(literal('stream > name'))}) FROM names WHERE name IS NOT NULL
      ) SELECT name FROM names WHERE name IS NOT NULL LIMIT ${count}`,
  )
  return rows.map(([name]) => name as string)
}
