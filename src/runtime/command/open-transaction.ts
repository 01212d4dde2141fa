/** Whether code runs inside a transaction of its app, which holds the store and would wait for itself. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { NestedTransactionError } from '../../core/errors.ts'
import type { Engine } from '../engine.ts'

/** A transaction that was begun. */
export interface OpenTransaction {
  readonly engine: Engine
  over: boolean
}

const current = new AsyncLocalStorage<OpenTransaction>()

/** Runs work inside a transaction. */
export function asOpen<T>(open: OpenTransaction, work: () => Promise<T>): Promise<T> {
  return current.run(open, work)
}

/** Refuses the outer app inside a transaction of its own, where it would wait for itself. */
export function assertOutside(engine: Engine, what: string): void {
  const open = current.getStore()
  if (open && open.engine === engine && !open.over) throw new NestedTransactionError(what)
}
