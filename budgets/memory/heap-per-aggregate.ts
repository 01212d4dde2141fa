/** Prints how many bytes of heap an account holds: warm, hibernated, and when its time is over. */
import assert from 'node:assert/strict'
import { createApp } from 'dacapo'
import { sqlite } from 'dacapo/sqlite'
import { testClock } from 'dacapo/testing'
import { deposit, openAccount } from '../../examples/bank/domain/commands.ts'

/** Bytes per stream. */
export interface HeapPerAggregate {
  readonly warm: number
  readonly hibernated: number
  readonly gone: number
}

const streams = 20_000
const openedAtOnce = 100
const actor = { id: 'ann', roles: [] }

// SQLite keeps the events outside of the heap, so what is left there is the runtime's.
const clock = testClock(undefined, () => bank.idle())
const bank = createApp({
  store: sqlite(':memory:', { clock }),
  clock,
  commands: [openAccount, deposit],
  defaults: { memory: { warmStreams: streams } },
})

await open('first', 2_000) // for code, caches and statements
await timePasses()
const before = await heapWith({ warm: 0, hibernated: 0 })
await open('account', streams)
const warm = await heapWith({ warm: streams, hibernated: 0 })
await clock.advance({ minutes: 2 })
const hibernated = await heapWith({ warm: 0, hibernated: streams })
await timePasses()
const gone = await heapWith({ warm: 0, hibernated: 0 })
await bank.stop()

const figures: HeapPerAggregate = { warm: perStream(warm), hibernated: perStream(hibernated), gone: perStream(gone) }
console.log(JSON.stringify(figures))

/** Opens so many accounts and pays in, since a state after a change is what is usual. */
async function open(prefix: string, count: number): Promise<void> {
  for (let done = 0; done < count; done += openedAtOnce) {
    const ids = Array.from({ length: openedAtOnce }, (_, n) => `${prefix}-${done + n}`)
    await Promise.all(ids.map((accountId) => bank.execute(openAccount({ accountId, owner: 'ann' }), { actor })))
    await Promise.all(ids.map((accountId) => bank.execute(deposit({ accountId, amount: 1 }), { actor })))
  }
}

/** Until every account has hibernated, taken its snapshot, and gone. */
async function timePasses(): Promise<void> {
  await clock.advance({ hours: 1 })
}

/** The heap after a full garbage collection, once it is sure that so many are there: little would prove nothing. */
async function heapWith(expected: { readonly warm: number; readonly hibernated: number }): Promise<number> {
  const { warm, hibernated } = (await bank.stats()).aggregates
  assert.deepEqual({ warm, hibernated }, expected)
  globalThis.gc!()
  return process.memoryUsage().heapUsed
}

function perStream(bytes: number): number {
  return Math.round((bytes - before) / streams)
}
