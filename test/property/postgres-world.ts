/** Two stores on one schema of a PostgreSQL server. Its programs take long, so it is for properties that a server may answer otherwise. */
import { Client } from 'pg'
import { postgres } from '../../src/stores/postgres/index.ts'
import type { TestClock } from '../../src/testing/test-clock.ts'
import { twoStores, type World } from './worlds.ts'

let made = 0

export function twoOnOneServer(url: string, clock: TestClock): World {
  const schema = `property_${process.pid}_${++made}`
  const open = () => postgres(url, { clock, schema, maxConnections: 4 })
  return twoStores(open, async () => {
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await client.end()
  })
}
