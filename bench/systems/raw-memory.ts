/** The floor in memory: the rows that Dacapo keeps, data as text so that no reader can change it, in arrays and a Map alone. */
import { newId } from './built-dacapo.ts'
import { decide, type Entry, entry, evolve, initial, type State } from './payload.ts'
import { metadata } from './raw-rows.ts'
import type { Open } from './system.ts'

interface Row {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly id: string
  readonly type: string
  readonly data: string
  readonly metadata: string
  readonly recordedAt: number
}

export const open: Open = ({ warm }) => {
  const log: Row[] = []
  const streams = new Map<string, Row[]>()
  const states = new Map<string, State>()

  function write(stream: string, data: Entry): void {
    const rows = streams.get(stream) ?? []
    if (rows.length === 0) streams.set(stream, rows)
    const row: Row = {
      position: log.length + 1,
      stream,
      version: rows.length + 1,
      id: newId(),
      type: 'Entered',
      data: JSON.stringify(data),
      metadata,
      recordedAt: Date.now(),
    }
    rows.push(row)
    log.push(row)
  }

  function append(names: readonly string[], events: number): void {
    for (const stream of names) for (let n = 0; n < events; n++) write(stream, entry())
  }

  function load(stream: string): State {
    const warmState = states.get(stream)
    if (warmState) return warmState
    let state = initial()
    for (const { data } of streams.get(stream) ?? []) state = evolve(state, JSON.parse(data))
    return state
  }

  return {
    durability: 'none',
    fill: append,
    append,
    command(names) {
      for (const stream of names) {
        const state = load(stream)
        const data = decide(state)
        write(stream, data)
        if (warm) states.set(stream, evolve(state, data))
      }
    },
    keepWarm(names) {
      for (const stream of names) states.set(stream, load(stream))
    },
    readStream: (stream) => sum(streams.get(stream) ?? []),
    readAll: () => sum(log),
    close() {},
  }
}

function sum(rows: readonly Row[]): number {
  let count = 0
  for (const { data } of rows) count += (JSON.parse(data) as Entry).amount
  return count
}
