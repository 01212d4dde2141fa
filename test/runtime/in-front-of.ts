/** Small tools for tests of what happens at the same time: no sleeping, only gates and turns of the event loop. */
import type { EventStore } from '../../src/core/event-store.ts'

/** A store, or a part of one, with other functions in front of some of its calls; everything else goes straight through. */
export function inFrontOf<S extends object>(store: S, calls: Partial<NoInfer<S>>): S {
  return new Proxy(store, {
    get: (target, name) => (name in calls ? calls[name as keyof S] : Reflect.get(target, name, target)),
  })
}

/** A promise and how to settle it. */
export interface Moment<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/** Something that the test makes happen. */
export function moment<T = void>(): Moment<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** Lets everything run that can run without time passing. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Whether nothing settles a promise, however many turns it is given. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const note = () => {
    settled = true
  }
  promise.then(note, note)
  await turns()
  return !settled
}

/** A store whose appends wait at a gate until they are let through; `arrived` tells when the first one is there. */
export function heldAppends<S extends EventStore>(store: S) {
  const arrived = moment()
  const opened = moment()
  const held = inFrontOf<EventStore>(store, {
    append: async (requests) => {
      arrived.resolve()
      await opened.promise
      return store.append(requests)
    },
  })
  return { store: held as S, arrived: arrived.promise, letThrough: () => opened.resolve() }
}
