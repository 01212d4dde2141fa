/** A travel agency, for tests of process managers. */
import { z } from 'zod'
import { aggregate, command, event, processManager, reject } from '../../../src/index.ts'
import { testApp } from '../../../src/testing/index.ts'
import type { Given } from '../on-every-store.ts'

export const ann = { id: 'ann', roles: [] }
const Asked = event('Asked', z.object({ trip: z.string(), wants: z.array(z.string()), how: z.string().optional() }))
const Booked = event('Booked', z.object({ trip: z.string(), what: z.string() }))
const Cancelled = event('Cancelled', z.object({ trip: z.string(), what: z.string() }))
const Noted = event('Noted', z.object({ trip: z.string(), what: z.string() }))

const Trip = aggregate('trip', {
  events: [Asked, Booked, Cancelled, Noted],
  initial: () => ({ events: 0 }),
  evolve: {
    Asked: (state) => ({ events: state.events + 1 }),
    Booked: (state) => ({ events: state.events + 1 }),
    Cancelled: (state) => ({ events: state.events + 1 }),
    Noted: (state) => ({ events: state.events + 1 }),
  },
})

const id = ({ trip }: { readonly trip: string }) => trip
const one = z.object({ trip: z.string(), what: z.string() })
export const ask = command(Trip, 'Ask', {
  input: z.object({ trip: z.string(), wants: z.array(z.string()), how: z.string().optional() }),
  id,
  decide: ({ input }) => Asked(input),
})
export const note = command(Trip, 'Note', { input: one, id, decide: ({ input }) => Noted(input) })

/** Bookings, some of which are refused or fail, and a process that books whatever is wanted, and takes it back when one is refused. */
export function agency() {
  const refused = new Set<string>()
  const failing = new Set<string>()
  const book = command(Trip, 'Book', {
    input: one,
    id,
    decide: ({ input }) => {
      if (failing.has(`book ${input.what}`)) throw new Error('the desk is closed')
      return refused.has(`book ${input.what}`) ? reject('SoldOut') : Booked(input)
    },
  })
  const cancel = command(Trip, 'Cancel', {
    input: one,
    id,
    decide: ({ input }) => (refused.has(`cancel ${input.what}`) ? reject('TooLate') : Cancelled(input)),
  })
  const fired: string[] = []
  const booking = processManager('booking', {
    events: [Asked, Booked, Noted],
    commands: [book, cancel, note],
    correlate: (given) => {
      if (given.type === 'Asked' && given.data.how === 'strictly') return { start: given.data.trip }
      if (given.type === 'Noted' && given.data.what === 'go on') return { continue: given.data.trip }
      if (given.type === 'Noted' && given.data.what === 'stop') return { stop: given.data.trip }
      if (given.type === 'Noted' && given.data.what === 'nothing') return undefined
      return given.data.trip
    },
    initial: () => ({ trip: '', booked: 0, notes: 0 }),
    evolve: {
      Asked: (state, { data }) => ({ ...state, trip: data.trip }),
      Booked: (state) => ({ ...state, booked: state.booked + 1 }),
      Noted: (state) => ({ ...state, notes: state.notes + 1 }),
    },
    on: {
      Asked: ({ event: { data }, send, timeout }) => [
        timeout('patience', { minutes: 1 }),
        ...data.wants.map((what) => send(book({ trip: data.trip, what }), { undo: cancel({ trip: data.trip, what }) })),
      ],
      Noted: ({ event: { data }, state, send, timeout, cancel: cancelTimer, compensate, complete }) => {
        if (data.what === 'later') return timeout('patience', { minutes: 5 })
        if (data.what === 'never mind') return cancelTimer('patience')
        if (data.what === 'more') return send(book({ trip: state.trip, what: 'hotel' }))
        if (data.what === 'undo') return compensate()
        if (data.what === 'end') return [send(note({ trip: state.trip, what: 'nothing' })), complete()]
        return undefined
      },
    },
    rejected: { Book: ({ compensate }) => compensate() },
    timeouts: {
      patience: ({ state }) => void fired.push(`${state.trip} ${state.notes + state.booked}`) as undefined,
    },
  })
  return { refused, failing, fired, book, cancel, booking }
}

export type Agency = ReturnType<typeof agency>

export function openAgency({ store, clock, tend }: Given, { book, cancel, booking }: Agency, more: object = {}) {
  return tend(testApp({ store, clock, commands: [ask, note, book, cancel], processes: [booking], ...more }))
}

export type Open = ReturnType<typeof openAgency>

/** The events in their order, each with what it is about. */
export async function logOf(app: Pick<Open, 'events'>): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { type, data } of app.events()) found.push(`${type} ${(data as { what?: string }).what ?? ''}`.trim())
  return found
}

/** An instance as it is stored. */
export const instanceOf = async ({ store }: Given, key: string, tenant = '') => {
  const record = await store.work.record({ kind: 'process', owner: 'process:booking', tenant, key })
  return record && JSON.parse(record.body)
}
