/** The log as the table has it, so that no part of the store vouches for itself. */
import assert from 'node:assert/strict'
import { Client } from 'pg'

export interface LoggedEvent {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly id: string
}

/** Every committed event by position; `null` positions are an error of the test, which has to read `head()` before. */
export async function storedLog(url: string, schema: string): Promise<readonly LoggedEvent[]> {
  const sql = `select position::float8, stream, version::float8, id from "${schema}".events order by position`
  const rows = (await ask(url, sql)) as LoggedEvent[]
  assert.ok(rows.every(({ position }) => position !== null))
  return rows
}

/** What holds for every log: positions without holes, versions without holes and rising with them, and no id twice. */
export function assertSound(log: readonly LoggedEvent[]): void {
  const versions = new Map<string, number>()
  log.forEach(({ position, stream, version }, i) => {
    assert.equal(position, i + 1)
    assert.equal(version, (versions.get(stream) ?? 0) + 1, `version in ${stream} at position ${position}`)
    versions.set(stream, version)
  })
  assert.equal(new Set(log.map(({ id }) => id)).size, log.length)
}

/** The rows of one statement on a connection of its own. */
export async function ask(url: string, sql: string): Promise<readonly unknown[]> {
  const client = new Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
