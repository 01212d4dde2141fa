/** A server that dies in the middle of load, ten times each version: what was acknowledged is stored, once, and the store carries on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { installations } from '../../../scripts/postgres/installations.ts'
import { startServer } from '../../../scripts/postgres/start-server.ts'
import type { AppendRequest, EventStore } from '../../../src/core/event-store.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { deposit, entry, idsOf } from './requests.ts'
import { assertSound, storedLog } from './stored-log.ts'
import { assertRetryable, subscribe } from './subscriber.ts'

const crashes = 10
const clients = 12

for (const { version } of await installations()) {
  test(`PostgreSQL ${version}: a server that is killed ${crashes} times under load loses and doubles nothing that was acknowledged`, async () => {
    // Nothing here cuts the power: what a killed server has written is with the operating system.
    const server = await startServer({ version, settings: { fsync: 'off' } })
    const store = postgres(server.url, { schema: 'bank' })
    try {
      const acknowledged: string[] = []
      let failures = 0
      let stop = false
      await store.migrate()
      const subscriber = subscribe(store)

      /** One caller: repeats what was not answered, with the same ids, and goes on. */
      const client = async (number: number) => {
        for (let n = 0; !stop; n++) {
          const requests = requestsOf(number, n)
          for (let answered = false; !answered; ) {
            try {
              await (number % 4 === 0 ? appendInTransaction(store, requests) : appendAll(store, requests))
              acknowledged.push(...idsOf(requests))
              answered = true
            } catch (error) {
              assertRetryable(error)
              failures++
              await pause(5)
            }
          }
        }
      }
      const load = Array.from({ length: clients }, (_, i) => client(i))
      const failed = Promise.race(load)

      for (let crash = 0; crash < crashes; crash++) {
        const enough = acknowledged.length + 100 + 37 * crash
        while (acknowledged.length < enough) await Promise.race([failed, pause(1)])
        await (crash % 2 === 0 ? server.kill() : server.stop('immediate'))
        await server.restart()
      }
      const survived = acknowledged.length
      while (acknowledged.length < survived + 100) await Promise.race([failed, pause(1)])
      stop = true
      await Promise.all(load)

      const delivered = await subscriber.end()
      const log = await storedLog(server.url, 'bank')
      assertSound(log)
      assert.deepEqual(log.map(({ id }) => id).sort(), acknowledged.sort())
      assert.deepEqual(delivered, log)
      assert.ok(failures > 0, 'the crashes were noticed')
    } finally {
      await store.close()
      await server.end()
    }
  })
}

/** Alone, with an idempotency key, or together with another stream. */
function requestsOf(client: number, n: number): readonly AppendRequest[] {
  const stream = `account-${n % 5}`
  if (client % 4 === 1) return [deposit(stream, 1, { idempotency: entry(`${client}-${n}`) })]
  if (client % 4 === 2) return [deposit(stream, 2, { atomicGroup: 'both' }), deposit(`other-${n % 5}`, 1, { atomicGroup: 'both' })]
  return [deposit(stream, 2)]
}

async function appendAll(store: EventStore, requests: readonly AppendRequest[]): Promise<void> {
  for (const result of await store.append(requests)) {
    if (result.kind === 'refused') throw result.error
  }
}

async function appendInTransaction(store: EventStore, requests: readonly AppendRequest[]): Promise<void> {
  await store.transaction!(async (transaction) => {
    for (const request of requests) {
      const result = await transaction.append(request)
      if (result.kind === 'refused') throw result.error
    }
  })
}
