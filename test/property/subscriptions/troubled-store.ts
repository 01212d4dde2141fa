/** A store as one app has it: its calls fail when they are told to, and its work stands still while it is frozen. */
import { DacapoError, StoreUnavailableError } from '../../../src/core/errors.ts'
import type { EventStore } from '../../../src/core/event-store.ts'
import { inFrontOf, type Moment, moment } from '../../runtime/in-front-of.ts'

export interface Trouble {
  fail(call: 'commit' | 'append', when: 'before' | 'after'): void
  freeze(): void
  thaw(): void
  /** Nothing fails any more. */
  end(): void
  readonly isFrozen: boolean
}

export function troubled(store: EventStore): { readonly store: EventStore; readonly trouble: Trouble } {
  const faults = { commit: [] as ('before' | 'after')[], append: [] as ('before' | 'after')[] }
  let frozen: Moment<void> | undefined

  async function through<T>(call: 'commit' | 'append', make: () => Promise<T>): Promise<T> {
    const fault = faults[call].shift()
    if (fault === 'before') throw new StoreUnavailableError('test', `${call} did not come through`)
    const result = await make()
    if (fault === 'after') throw new StoreUnavailableError('test', `the answer of ${call} was lost`)
    return result
  }

  const thaw = () => {
    frozen?.resolve()
    frozen = undefined
  }
  return {
    store: inFrontOf(store, {
      append: (requests) => through('append', () => store.append(requests)),
      work: {
        ...store.work,
        async beat(...given) {
          await frozen?.promise
          return store.work.beat(...given)
        },
        async commit(works) {
          await frozen?.promise
          return through('commit', () => store.work.commit(works))
        },
      },
    }),
    trouble: {
      fail: (call, when) => void faults[call].push(when),
      freeze() {
        frozen ??= moment()
      },
      thaw,
      end() {
        thaw()
        faults.commit = []
        faults.append = []
      },
      get isFrozen() {
        return frozen !== undefined
      },
    },
  }
}

/** What a fault may lead to is passed over; anything else is a mistake. */
export function tolerate(error: unknown): void {
  if (!DacapoError.is(error)) throw error
}
