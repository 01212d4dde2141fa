/** A place of its own for each test on a server that all tests share. */
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import type { PostgresServer } from './servers.ts'

export interface Fresh {
  /** Unqualified names mean this place. */
  readonly url: string
  readonly name: string
  /** Removes it with all that is in it; connections to it should be closed before. */
  drop(): Promise<void>
}

/** An empty schema, in milliseconds. Advisory locks and notifications are shared with the other schemas of the database. */
export async function freshSchema(server: Pick<PostgresServer, 'url'>): Promise<Fresh> {
  const name = newName()
  const url = new URL(server.url)
  url.searchParams.set('options', `-c search_path=${name}`)
  await run(server.url, `create schema ${name}`)
  // Who has left a transaction open would keep it waiting for ever.
  const drop = () => run(server.url, `set lock_timeout = '10s'; drop schema if exists ${name} cascade`)
  return { url: url.href, name, drop }
}

/** An empty database: slower than a schema, and shares nothing but the server. */
export async function freshDatabase(server: Pick<PostgresServer, 'url'>): Promise<Fresh> {
  const name = newName()
  const url = new URL(server.url)
  url.pathname = `/${name}`
  await run(server.url, `create database ${name}`)
  return { url: url.href, name, drop: () => run(server.url, `drop database if exists ${name} with (force)`) }
}

const newName = () => `dacapo_test_${randomBytes(6).toString('hex')}`

async function run(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {}) // the query's promise has it too
  try {
    await client.connect()
    await client.query(sql)
  } finally {
    await client.end()
  }
}
