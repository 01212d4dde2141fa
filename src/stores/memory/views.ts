/** Views in memory. */
import type { Gate } from '../../core/gate.ts'
import type { ViewDefinition, ViewStore } from '../../core/view-store.ts'
import { type KeptRow, Layer } from './layer.ts'
import { listRows } from './list-rows.ts'
import { inTenant } from './log-index.ts'
import { readAll } from './read.ts'

/** The views of a store; `state` is what is committed, and throws once the store is closed. */
export function viewStore(state: () => Layer, gate: Gate): ViewStore {
  const definitions = new Map<string, Pick<ViewDefinition, 'view' | 'fingerprint'>>()
  return {
    async get(tenant, view, key) {
      return rowOf(state(), tenant, view, key)
    },
    async list(tenant, definition, question) {
      return listRows(state().rows.get(inTenant(tenant, definition.view))?.values() ?? [], definition, question)
    },
    async defined() {
      state()
      return [...definitions.values()]
    },
    async define({ view, fingerprint }) {
      const leave = await gate.enter()
      try {
        state()
        if (!definitions.has(view)) definitions.set(view, { view, fingerprint })
      } finally {
        leave()
      }
    },
    async rebuild({ view, fingerprint }, build) {
      const leave = await gate.enter()
      try {
        const built = await build(readAll(state))
        const layer = new Layer(state())
        // Every key that was ever written gets a new row version: a fold that started from the old rows must not fit.
        for (const old of rowsOf(state(), view)) layer.setRow({ ...old, row: null, rowVersion: old.rowVersion + 1 })
        for (const { tenant, key, row } of built)
          layer.setRow({ tenant, view, key, row, rowVersion: layer.row(tenant, view, key)?.rowVersion ?? 1 })
        layer.settle()
        definitions.set(view, { view, fingerprint })
      } finally {
        leave()
      }
    },
  }
}

/** A row as the port hands it out. */
export function rowOf(layer: Layer, tenant: string, view: string, key: string): { row: string | null; rowVersion: number } | undefined {
  const kept = layer.row(tenant, view, key)
  return kept && { row: kept.row, rowVersion: kept.rowVersion }
}

function rowsOf(layer: Layer, view: string): readonly KeptRow[] {
  return [...layer.rows.values()].flatMap((rows) => [...rows.values()]).filter((row) => row.view === view)
}
