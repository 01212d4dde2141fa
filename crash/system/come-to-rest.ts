/** Waits until everything that follows the log has come to its end, and nothing waits for anything any more. */
import { setTimeout as pause } from 'node:timers/promises'
import type { EventStore } from 'dacapo'

/** Returns what has not come to rest by then, if anything. */
export async function comeToRest(store: EventStore, patienceMs: number, signal?: AbortSignal): Promise<readonly string[]> {
  let before = -1
  for (const end = performance.now() + patienceMs; ; await pause(100, undefined, { signal })) {
    const head = await store.head()
    const restless = await restlessOf(store, head)
    if (restless.length === 0 && head === before) return []
    before = head
    if (performance.now() > end) return restless.length > 0 ? restless : ['the log never ends']
  }
}

async function restlessOf({ work }: EventStore, head: number): Promise<readonly string[]> {
  const parts = await work.parts()
  const behind = parts
    .filter(({ position }) => position < head)
    .map((one) => `${one.subscription} ${one.part} is at ${one.position} of ${head}`)
  const counts = await Promise.all([
    work.records({ kind: 'timer', limit: 1000 }),
    work.records({ kind: 'process', status: 'running', limit: 1000 }),
    work.records({ kind: 'parked', status: 'retrying', limit: 1000 }),
    work.records({ kind: 'rebuild', status: 'running', limit: 1000 }),
  ])
  const names = ['timers wait', 'instances of processes have not ended', 'events are tried again', 'views are being rebuilt']
  return [...behind, ...counts.flatMap(({ length }, i) => (length > 0 ? [`${length} ${names[i]}`] : []))]
}
