/** The package as it ships, from its build; its types are those of the sources, so that nothing need be built to check them. */
import type * as Core from 'dacapo'
import type * as Postgres from 'dacapo/postgres'
import type * as Sqlite from 'dacapo/sqlite'

const built = `${import.meta.dirname}/../../dist`

export const { aggregate, command, createApp, encodeEvent, event, eventHandler, memory, newId, projection, sql }: typeof Core =
  await import(`${built}/index.js`)
export const { postgres }: typeof Postgres = await import(`${built}/stores/postgres/index.js`)
export const { sqlite }: typeof Sqlite = await import(`${built}/stores/sqlite/index.js`)
