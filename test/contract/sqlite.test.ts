/** The contract on SQLite: on a file that the store opens itself, and on a database that it is given, whose commits can be made to fail. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { EventStore, StoreTransaction } from '../../src/core/event-store.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { type OpenedStore, runStoreContract } from '../../src/testing/store-contract.ts'

const runner = { test, skip: (sentence: string) => console.log(sentence) }

await runStoreContract(
  {
    name: 'sqlite, a file',
    singleWriter: true,
    open({ clock }) {
      const folder = mkdtempSync(join(tmpdir(), 'dacapo-contract-'))
      const file = join(folder, 'bank.db')
      const store = sqlite(file, { clock })
      return {
        store,
        reopen: async () => sqlite(file, { clock }),
        ownTransaction: (work) => inOwnTransaction(store, file, work),
        tamper: async () => tamper(file),
        cleanUp: () => rmSync(folder, { recursive: true }),
      }
    },
  },
  runner,
)

await runStoreContract(
  {
    name: 'sqlite, a given database',
    singleWriter: true,
    singleConnection: true,
    open({ clock }): OpenedStore {
      const database = new DatabaseSync(':memory:')
      let [commits, broken]: [number, 'before' | 'after' | undefined] = [0, undefined]
      const given = {
        exec(sql: string) {
          const fault = /^\s*commit/i.test(sql) ? broken : undefined
          if (fault) broken = undefined
          if (fault === 'before') throw diskError()
          database.exec(sql)
          if (/^\s*commit/i.test(sql)) commits++
          if (fault === 'after') throw diskError()
        },
        prepare: (sql: string) => database.prepare(sql),
        close: () => database.close(),
      }
      return {
        store: sqlite(given, { clock }),
        commits: () => commits,
        breakNextCommit(when) {
          broken = when
        },
        cleanUp: () => database.close(),
      }
    },
  },
  runner,
)

/** What node:sqlite throws when a disk is full or gone. */
function diskError(): Error {
  return Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10, errstr: 'disk I/O error' })
}

/** A transaction on a connection of the caller's own. */
async function inOwnTransaction<T>(store: EventStore, file: string, work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
  const client = new DatabaseSync(file)
  try {
    client.exec('BEGIN IMMEDIATE')
    const result = await work(store.within!(client))
    client.exec('COMMIT')
    return result
  } catch (error) {
    if (client.isTransaction) client.exec('ROLLBACK')
    throw error
  } finally {
    client.close()
  }
}

/** Changes and deletes events by hand; resolves to how many attempts were let through. */
function tamper(file: string): number {
  const client = new DatabaseSync(file)
  const attempts = ["UPDATE dacapo_events SET data = '{}'", 'DELETE FROM dacapo_events WHERE version = 1', 'DELETE FROM dacapo_events']
  const letThrough = attempts.filter((attempt) => {
    try {
      client.exec(attempt)
      return true
    } catch {
      return false
    }
  })
  client.close()
  return letThrough.length
}
