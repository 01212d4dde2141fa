/** Streams are where their events are: nothing else is kept of them. The index by stream and version answers all of it. */
import type { ListStreamsOptions, StreamInfo } from '../../core/event-store.ts'
import { streamNames } from '../sql/stream-names.ts'
import { dialectOf } from './dialect.ts'
import { firstOf, type PgClient } from './pg.ts'
import { headOf } from './read.ts'
import type { ReadContext } from './read-context.ts'
import { select } from './sql-text.ts'

/** How many names one statement walks. */
const longestWalk = 5000

/** A stream without its events. */
export async function streamInfo(context: ReadContext, tenant: string, stream: string): Promise<StreamInfo | undefined> {
  const { schema, read, inTransaction = false } = context
  const info = await read((client) => infoOf(client, schema, tenant, stream))
  if (!info || info.lastPosition > 0 || inTransaction) return info
  await headOf(context)
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
    const statement = streamNames(dialectOf(context.schema), tenant, category, last, count)
    const names = (await context.read((client) => select(client, statement))).map(([name]) => name as string)
    for (const name of names) {
      if (found.length < limit && name.includes(search)) found.push((await streamInfo(context, tenant, name)) as StreamInfo)
    }
    last = names.at(-1)
    if (last === undefined || found.length >= limit) return found
  }
}
