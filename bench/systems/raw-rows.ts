/** The rows that the floor writes and reads in a database: Dacapo's own. */
import type { Entry } from './payload.ts'

/** What an event is made of; whoever reads one has all of it. */
export const columns = 'position, data, metadata, id, type, schema_version, stream, version, tenant, tags, recorded_at, occurred_at'

export const streamColumn = columns.split(', ').indexOf('stream')

/** A position is a number in SQLite, and text as `pg` hands it out. */
export type EventRow = readonly [position: number | string, data: string, metadata: string, ...others: readonly unknown[]]

export const metadata = JSON.stringify({ actor: { id: 'ann', roles: [] } })

/** The data of an event, whose metadata is parsed, too: the others hand out both. */
export function parsed([, data, metadata]: EventRow): Entry {
  JSON.parse(metadata)
  return JSON.parse(data) as Entry
}
