/** What is inferred of event handlers and read models, and what must not compile. Nothing here runs: `npm run typecheck` is the test. */
// biome-ignore-all lint/complexity/noUselessLoneBlockStatements: a block per topic
import { eventHandler, projection, type ReadModel } from 'dacapo'
import { scenario } from 'dacapo/testing'
import { AccountOpened, deposit, MoneyDeposited } from '../domain/bank.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_T extends true>(): void => {}
const ann = { id: 'ann', roles: [] }

// 1. events, by their types; what handle returns is not looked at
{
  const handler = eventHandler('one', {
    events: [AccountOpened, MoneyDeposited],
    handle: (event, { attempt, signal, state }) => {
      is<Equal<typeof event.type, 'AccountOpened' | 'MoneyDeposited'>>()
      is<Equal<[typeof attempt, typeof signal, typeof state], [number, AbortSignal, undefined]>>()
      if (event.type === 'MoneyDeposited') is<Equal<typeof event.data.amount, number>>()
    },
  })
  is<Equal<typeof handler.name, 'one'>>()
  eventHandler('promises', { events: [AccountOpened], handle: () => new Promise(() => {}) })
  eventHandler('throws', {
    events: [AccountOpened],
    handle: ({ data }) => {
      throw new Error(data.owner)
    },
  })
  eventHandler('wrong', {
    events: [AccountOpened],
    // @ts-expect-error no such field
    handle: ({ data }) => data.amount,
  })
}

// 2. the state is what init makes, or what its promise brings, whichever comes first in the definition
{
  eventHandler('promised', {
    events: [AccountOpened],
    init: async ({ part, signal }) => ({ seen: 0, part, signal }),
    handle: (_, { state }) => {
      is<Equal<typeof state, { seen: number; part: string; signal: AbortSignal }>>()
      state.seen++
    },
  })
  eventHandler('afterwards', {
    events: [AccountOpened],
    handleBatch: (events, { state }) => {
      is<Equal<typeof state, Map<string, number>>>()
      for (const { subject } of events) state.set(subject, 1)
    },
    init: () => new Map<string, number>(),
  })
  eventHandler('wrong', {
    events: [AccountOpened],
    init: () => ({ seen: 0 }),
    // @ts-expect-error no such member of the state
    handle: (_, { state }) => state.saw,
  })
  eventHandler('wrong', {
    events: [AccountOpened],
    // @ts-expect-error there is no state without init
    handle: (_, { state }) => state.seen,
  })
  eventHandler('wrong', {
    events: [AccountOpened],
    init: () => ({ seen: 0 }),
    // @ts-expect-error the state is what init makes, not what somebody would like
    handle: (_, { state }: { readonly state: { readonly seen: string } }) => state.seen,
  })
}

// 3. batches: typed alike, with the event that a command is because of; and one way or the other, not both
{
  eventHandler('together', {
    events: [AccountOpened, MoneyDeposited],
    maxBatch: 50,
    handleBatch: async (events, { execute }) => {
      is<Equal<(typeof events)[number]['type'], 'AccountOpened' | 'MoneyDeposited'>>()
      for (const because of events) await execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, because })
      // @ts-expect-error because of which one?
      await execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
    },
  })
  eventHandler('both', {
    events: [AccountOpened],
    handle: () => {},
    // @ts-expect-error handle or handleBatch, not both
    handleBatch: () => {},
  })
  eventHandler('both', {
    events: [AccountOpened],
    // @ts-expect-error handle or handleBatch, not both
    handleBatch: (events) => events.length,
    handle: ({ data }) => data.owner,
  })
  eventHandler('alone', {
    events: [AccountOpened],
    handle: () => {},
    // @ts-expect-error maxBatch is for handleBatch
    maxBatch: 50,
  })
}

// 4. failures: the event is typed, the decision is one of five, and it is made at once
{
  eventHandler('deciding', {
    events: [MoneyDeposited],
    handle: () => {},
    onError: (error, event, { attempt }) => {
      is<Equal<[typeof error, typeof event.data.amount, typeof attempt], [unknown, number, number]>>()
      if (attempt > 2) return 'dead-letter'
      return event.data.amount > 9 ? { retryAfter: { seconds: attempt } } : undefined
    },
  })
  eventHandler('wrong', {
    events: [MoneyDeposited],
    handle: () => {},
    // @ts-expect-error no such decision
    onError: () => 'ignore',
  })
  eventHandler('wrong', {
    events: [MoneyDeposited],
    handle: () => {},
    // @ts-expect-error the decision does not wait
    onError: async () => 'skip',
  })
  eventHandler('wrong', {
    events: [MoneyDeposited],
    // @ts-expect-error no such strategy
    retry: { strategy: 'linear' },
    handle: () => {},
  })
}

// 5. a read model is for an async projection, whose rows are typed as ever
{
  const readModel = null as unknown as ReadModel
  const owners = projection('owners', {
    events: [AccountOpened],
    consistency: 'async',
    readModel,
    key: ({ subject }) => subject,
    initial: () => ({ owner: '' }),
    evolve: { AccountOpened: (_, { data }) => ({ owner: data.owner }) },
  })
  scenario(owners)
    .given()
    .thenRows({ a: { owner: 'ann' } })
  projection('owners', {
    events: [AccountOpened],
    consistency: 'transactional',
    // @ts-expect-error a read model is filled after the commit
    readModel,
    key: ({ subject }) => subject,
    initial: () => ({ owner: '' }),
    evolve: { AccountOpened: (_, { data }) => ({ owner: data.owner }) },
  })
}

// 6. a scenario of a handler comes to commands
{
  const handler = eventHandler('one', { events: [AccountOpened], handle: () => {} })
  scenario(handler)
    .given(AccountOpened({ owner: 'ann' }))
    .thenCommands(deposit({ accountId: 'a', amount: 1 }))
  // @ts-expect-error a handler has no rows
  scenario(handler).given().thenRows({})
}
