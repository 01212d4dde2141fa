/** Views in memory. */
import type { Gate } from '../../core/gate.ts'
import { keptUnder, type ViewStore } from '../../core/view-store.ts'
import { type KeptRow, Layer } from './layer.ts'
import { listRows } from './list-rows.ts'
import { inTenant } from './log-index.ts'
import { readAll } from './read.ts'
import type { ViewRegistry } from './view-registry.ts'

/** The views of a store; `state` is what is committed, and throws once the store is closed. */
export function viewStore(state: () => Layer, gate: Gate, registry: ViewRegistry): ViewStore {
  return {
    async get(tenant, view, key, generation) {
      return rowOf(state(), tenant, registry.keptUnder(view, generation), key)
    },
    async list(tenant, definition, question) {
      const rows = state().rows.get(inTenant(tenant, registry.keptUnder(definition.view, undefined)))
      return listRows(rows?.values() ?? [], definition, question)
    },
    async defined() {
      state()
      return registry.all
    },
    async kept() {
      state()
      return registry.kept
    },
    async retire(view) {
      const leave = await gate.enter()
      try {
        const layer = emptied(state(), view)
        if (registry.retire(view)) layer.settle()
      } finally {
        leave()
      }
    },
    async define(definition) {
      const leave = await gate.enter()
      try {
        state()
        if (!registry.has(definition.view)) registry.set(definition, 0)
      } finally {
        leave()
      }
    },
    async rebuild(definition, build) {
      const { view } = definition
      const leave = await gate.enter()
      try {
        const built = await build(readAll(state))
        const layer = emptied(state(), view)
        for (const { tenant, key, row } of built)
          layer.setRow({ tenant, view, key, row, rowVersion: layer.row(tenant, view, key)?.rowVersion ?? 1 })
        layer.settle()
        registry.keep(definition)
      } finally {
        leave()
      }
    },
    async prepare() {
      state() // nothing is searched by index here
    },
    async discard({ view }, generation, signal) {
      if (signal?.aborted) return
      const leave = await gate.enter()
      try {
        if (registry.isLive(view, generation)) return
        const { rows } = state()
        for (const [table, own] of rows) if (firstOf(own)?.view === keptUnder(view, generation)) rows.delete(table)
      } finally {
        leave()
      }
    },
  }
}

const firstOf = (rows: ReadonlyMap<string, KeptRow>): KeptRow | undefined => rows.values().next().value

/** A row as the port hands it out. */
export function rowOf(layer: Layer, tenant: string, view: string, key: string): { row: string | null; rowVersion: number } | undefined {
  const kept = layer.row(tenant, view, key)
  return kept && { row: kept.row, rowVersion: kept.rowVersion }
}

/** Every key that was ever written gets a new row version: a fold that started from the old rows must not fit. */
function emptied(committed: Layer, view: string): Layer {
  const layer = new Layer(committed)
  for (const old of rowsOf(committed, view)) layer.setRow({ ...old, row: null, rowVersion: old.rowVersion + 1 })
  return layer
}

function rowsOf(layer: Layer, view: string): readonly KeptRow[] {
  return [...layer.rows.values()].flatMap((rows) => [...rows.values()]).filter((row) => row.view === view)
}
