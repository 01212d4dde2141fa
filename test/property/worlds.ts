/** Two stores over the same data: two processes, as far as a program can tell. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventStore } from '../../src/core/event-store.ts'
import { memory } from '../../src/stores/memory/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import type { TestClock } from '../../src/testing/test-clock.ts'

/** Which of the two does something. */
export type By = 0 | 1

export interface World {
  store(by: By): EventStore
  /** Closes one of the stores, where the data outlives it, and opens it again. */
  reopen(by: By): Promise<void>
  close(): Promise<void>
}

/** One store, taken for two. */
export function onlyOne(store: EventStore): World {
  return { store: () => store, reopen: async () => {}, close: () => store.close() }
}

/** Two stores on what outlives them, and what removes that at the end. */
export function twoStores(open: () => EventStore, remove: () => void | Promise<void>): World {
  const stores = [open(), open()]
  return {
    store: (by) => stores[by]!,
    async reopen(by) {
      await stores[by]!.close()
      stores[by] = open()
    },
    async close() {
      for (const store of stores) await store.close()
      await remove()
    },
  }
}

/** Two stores on one file. */
function twoOnOneFile(clock: TestClock): World {
  const folder = mkdtempSync(join(tmpdir(), 'dacapo-property-'))
  // The power stays on, and what a sync costs would be paid in programs that are not tried.
  const open = () => sqlite(join(folder, 'bank.db'), { clock, synchronous: 'NORMAL' })
  return twoStores(open, () => rmSync(folder, { recursive: true, force: true }))
}

/** Every kind, and how long its properties may take: on a file, programs take longest and reach most. */
export const worlds: readonly { readonly name: string; readonly open: (clock: TestClock) => World; readonly forMs: number }[] = [
  { name: 'memory', open: (clock) => onlyOne(memory({ clock })), forMs: 1_500 },
  { name: 'sqlite in memory', open: (clock) => onlyOne(sqlite(':memory:', { clock })), forMs: 1_500 },
  { name: 'sqlite on a file', open: twoOnOneFile, forMs: 3_000 },
]
