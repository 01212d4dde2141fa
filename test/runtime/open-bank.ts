/** The bank on a given store, with the people who use it and the few calls that most tests of state begin with. */

import type { AnyAggregate } from '../../src/core/aggregate.ts'
import type { EventStore } from '../../src/core/event-store.ts'
import type { Observer, Signal, SignalName } from '../../src/core/observer.ts'
import { createApp } from '../../src/runtime/create-app.ts'
import { balances, closeAccount, deposit, openAccount, withdraw } from '../domain/bank.ts'
import type { Given } from './on-every-store.ts'

export const ann = { id: 'ann', roles: [] }
export const teller = { id: 'tom', roles: ['teller'] }

/** An app over the store of a test: accounts, and their balances in the same commit. */
export function openBank({ store, clock, tend }: Given, more: BankOptions = {}) {
  return tend(
    createApp({
      store,
      clock,
      commands: [openAccount, deposit, withdraw, closeAccount],
      projections: [balances],
      random: () => 0.5,
      ...more,
    }),
  )
}

/** The same without the projection, beside other apps that are without it: with it, they would leave holes in its view. */
export function openBankWithoutViews({ store, clock, tend }: Given): Bank {
  return tend(createApp({ store, clock, commands: [openAccount, deposit, withdraw, closeAccount] })) as never
}

/** What a test changes about the app. */
export interface BankOptions {
  readonly store?: EventStore
  readonly observer?: Observer | readonly Observer[]
  readonly defaults?: Parameters<typeof createApp>[0]['defaults'] & {}
  readonly heap?: NonNullable<Parameters<typeof createApp>[0]['heap']>
  readonly onMemoryPressure?: NonNullable<Parameters<typeof createApp>[0]['onMemoryPressure']>
  readonly random?: () => number
  readonly authorize?: NonNullable<Parameters<typeof createApp>[0]['authorize']>
  readonly validate?: NonNullable<Parameters<typeof createApp>[0]['validate']>
}

export type Bank = ReturnType<typeof openBank>

/** Opens an account of Ann's and pays in, one command per amount. */
export async function openWith(bank: Bank, accountId: string, ...amounts: readonly number[]): Promise<void> {
  await bank.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })
  for (const amount of amounts) await bank.execute(deposit({ accountId, amount }), { actor: ann })
}

/** Pays in, one command after the other. */
export async function payIn(bank: Pick<Bank, 'execute'>, accountId: string, ...amounts: readonly number[]): Promise<void> {
  for (const amount of amounts) await bank.execute(deposit({ accountId, amount }), { actor: ann })
}

/** An observer that keeps what it is told. */
export function recorder(): Observer & {
  readonly signals: readonly Signal[]
  of<N extends SignalName>(name: N): readonly Extract<Signal, { readonly signal: N }>[]
} {
  const signals: Signal[] = []
  const observe = (signal: Signal) => void signals.push(signal)
  return Object.assign(observe, {
    signals,
    of: <N extends SignalName>(name: N) => signals.filter((one): one is Extract<Signal, { readonly signal: N }> => one.signal === name),
  })
}

/** A store whose calls are counted, by name; everything goes through. */
export function counted<S extends EventStore>(store: S): { readonly store: S; readonly calls: Record<string, number> } {
  const calls: Record<string, number> = {}
  const count = <T extends object>(target: T, prefix: string): T =>
    new Proxy(target, {
      get(object, name) {
        const member = Reflect.get(object, name, object)
        if (typeof member === 'object' && member !== null && (name === 'views' || name === 'snapshots')) return count(member, `${name}.`)
        if (typeof member !== 'function') return member
        return (...given: unknown[]) => {
          const key = `${prefix}${String(name)}`
          calls[key] = (calls[key] ?? 0) + 1
          return member.apply(object, given)
        }
      },
    })
  return { store: count(store, ''), calls }
}

/** Everything an async iterable delivers. */
export async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Folds events by hand, as an aggregate would. */
export function foldOf(aggregate: AnyAggregate, events: readonly { readonly type: string }[]): unknown {
  return events.reduce((state, event) => aggregate.evolve[event.type]!(state, event), aggregate.initial())
}
