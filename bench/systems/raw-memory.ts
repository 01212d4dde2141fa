/** The floor in memory: arrays in a Map. */
import { decide, type Entry, entry, evolve, initial, type State } from './payload.ts'
import type { Opening, System } from './system.ts'

export function openRawMemory({ warm }: Opening): System {
  const streams = new Map<string, Entry[]>()
  const states = new Map<string, State>()
  const log: Entry[] = []
  const push = (stream: string, data: Entry) => {
    const events = streams.get(stream)
    if (events) events.push(data)
    else streams.set(stream, [data])
    log.push(data)
  }
  const load = (stream: string) => states.get(stream) ?? (streams.get(stream) ?? []).reduce(evolve, initial())
  return {
    durability: 'none',
    append(names, events) {
      for (const stream of names) for (let n = 0; n < events; n++) push(stream, entry())
    },
    command(names) {
      for (const stream of names) {
        const state = load(stream)
        const data = decide(state)
        push(stream, data)
        if (warm) states.set(stream, evolve(state, data))
      }
    },
    load(stream) {
      if (warm) states.set(stream, load(stream))
    },
    readStream: (stream) => sum(streams.get(stream) ?? []),
    readAll: () => sum(log),
    close() {},
  }
}

function sum(events: readonly Entry[]): number {
  let count = 0
  for (const { amount } of events) count += amount
  return count
}
