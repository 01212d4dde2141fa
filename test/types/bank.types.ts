/**
 * What is inferred from definitions, and what must not compile. Nothing here runs: `npm run typecheck` is the test.
 * A block per topic, all on one domain, so the file is long.
 */
// biome-ignore-all lint/complexity/noUselessLoneBlockStatements: a block per topic
import { type } from 'arktype'
import {
  actors,
  aggregate,
  type CallOf,
  type Capabilities,
  command,
  createApp,
  decision,
  type EmittedOf,
  type EventStore,
  type EventsOf,
  event,
  eventHandler,
  memory,
  processManager,
  projection,
  type Rejection,
  type RejectionOf,
  reject,
  type StateOf,
  tableProjection,
  type ViewOf,
} from 'dacapo'
import { sqlite } from 'dacapo/sqlite'
import { scenario } from 'dacapo/testing'
import { z } from 'zod'
import {
  Account,
  AccountClosed,
  AccountOpened,
  balances,
  bank,
  deposit,
  MoneyDeposited,
  type MoneyWithdrawn,
  type Transfer,
  TransferRequested,
  transferReport,
  withdraw,
} from '../domain/bank.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_T extends true>(): void => {}
type Types<D extends { readonly '~types'?: unknown }> = NonNullable<D['~types']>

/** A store that cannot commit several things at once. */
const clickhouse = (_url: string) => null as unknown as EventStore<Capabilities & { readonly transactions: false }>

const unbound = command

const ark = () => event('Ark', type({ by: 'string' }))

// 1. events: the creator's argument comes from the schema (zod or valibot), upcasters chain
{
  const e = MoneyDeposited({ amount: 1 })
  is<Equal<typeof e.type, 'MoneyDeposited'>>()
  is<Equal<(typeof e)['data']['amount'], number>>()
  is<Equal<ReturnType<typeof MoneyWithdrawn>['data'], { amount: number; transferId?: string | undefined }>>()
  is<Equal<ReturnType<typeof AccountClosed>['data'], { reason: string; closedBy: string }>>()
  // any Standard Schema library: zod and valibot in bank.ts, arktype here
  is<Equal<ReturnType<ReturnType<typeof ark>>['data'], { by: string }>>()
  // @ts-expect-error amount is a number
  MoneyDeposited({ amount: '1' })
  // @ts-expect-error the latest version also needs closedBy
  AccountClosed({ reason: 'x' })
  // @ts-expect-error an upcaster must produce the next version
  event('X', z.object({ a: z.string() })).upcast(z.object({ b: z.number() }), (old) => ({ b: old.a }))
}

// 2. aggregates: event union and state are inferred; evolve is exhaustive and literal-safe
{
  is<Equal<EventsOf<typeof Account>['type'], 'AccountOpened' | 'MoneyDeposited' | 'MoneyWithdrawn' | 'AccountClosed'>>()
  is<Equal<StateOf<typeof Account>['status'], 'none' | 'open' | 'closed'>>()
  is<Equal<StateOf<typeof Transfer>, { open: boolean }>>()
  aggregate('a', {
    events: [AccountOpened, MoneyDeposited],
    initial: () => ({ n: 0 }),
    // @ts-expect-error MoneyDeposited is forgotten
    evolve: { AccountOpened: (state) => state },
  })
  aggregate('b', {
    events: [AccountOpened],
    initial: () => ({ n: 0 }),
    // @ts-expect-error n is a number
    evolve: { AccountOpened: () => ({ n: 'one' }) },
  })
  aggregate('c', {
    events: [AccountOpened],
    initial: (): { status: 'a' | 'b' } => ({ status: 'a' }),
    // @ts-expect-error not one of the statuses
    evolve: { AccountOpened: () => ({ status: 'c' }) },
  })
  aggregate('d', {
    events: [AccountOpened],
    initial: (): { status: 'a' | 'b'; nested: { kind: 'x' | 'y' }; list: string[] } => ({ status: 'a', nested: { kind: 'x' }, list: [] }),
    // literals stay narrow at the top level, mutable arrays stay assignable …
    evolve: { AccountOpened: () => ({ status: 'b', nested: { kind: 'y' as const }, list: ['1'] }) },
  })
}

// 2b. … and every other state shape passes through `Narrow` unharmed
{
  class Money {
    #cents = 0
    plus(n: number): Money {
      return Object.assign(new Money(), { n: this.#cents + n })
    }
  }
  type Odd = { a?: string; b: unknown; c: any; d: Map<string, number>; e: Money; f: readonly [1, 2]; g: null | 'x'; h: Date }
  const odd = aggregate('odd', {
    events: [AccountOpened],
    initial: (): Odd => ({ b: 1, c: 1, d: new Map(), e: new Money(), f: [1, 2], g: null, h: new Date(0) }),
    evolve: { AccountOpened: (state, { data }) => ({ ...state, a: data.owner, g: 'x', e: state.e.plus(1) }) },
  })
  is<Equal<StateOf<typeof odd>, Odd>>()
  const count = aggregate('count', { events: [AccountOpened], initial: () => 0, evolve: { AccountOpened: (n) => n + 1 } })
  is<Equal<StateOf<typeof count>, number>>()
  const list = aggregate('list', {
    events: [AccountOpened],
    initial: (): readonly string[] => [],
    evolve: { AccountOpened: (names, { data }) => [...names, data.owner] },
  })
  is<Equal<StateOf<typeof list>, readonly string[]>>()
}

// 3. commands: input, state, actor, emitted events and rejection codes are inferred from one object
{
  type Call = CallOf<typeof withdraw>
  is<Equal<RejectionOf<Call>['code'], 'AccountNotOpen' | 'InsufficientFunds'>>()
  is<Equal<Extract<RejectionOf<Call>, { code: 'InsufficientFunds' }>['details'], { balance: number }>>()
  is<Equal<RejectionOf<CallOf<typeof deposit>>['code'], 'AccountNotOpen'>>()
  // @ts-expect-error wrong input
  withdraw({ accountId: 'a' })
  command(Account, 'Bad', {
    input: z.object({ id: z.string() }),
    id: (input) => input.id,
    // @ts-expect-error TransferRequested is not an event of Account
    decide: () => TransferRequested({ transferId: '', from: '', to: '', amount: 1 }),
  })
  command(Account, 'Bad', {
    input: z.object({ id: z.string() }),
    // @ts-expect-error no such field
    id: (input) => input.ide,
    decide: () => undefined,
  })
  // input transforms: the caller gives the input side, the rule sees the output side
  const at = command(Account, 'At', {
    input: z.object({ id: z.string(), day: z.string().transform((s) => new Date(s)) }),
    id: ({ id }) => id,
    decide: ({ input }) => {
      is<Equal<typeof input.day, Date>>()
      return undefined
    },
  })
  at({ id: '1', day: '2030-01-01' })
}

// 4. your own actor type, bound once from a schema
{
  const { command } = actors(z.object({ staffNo: z.number(), branch: z.string() }))
  const audit = command(Account, 'Audit', {
    input: z.object({ id: z.string() }),
    id: ({ id }) => id,
    authorize: ({ actor }) => actor.branch === 'HQ',
    decide: ({ actor }) => (actor.staffNo > 0 ? [] : reject('NotStaff')),
  })
  const app = createApp({ store: memory(), commands: [audit] })
  void (() => app.execute(audit({ id: '1' }), { actor: { staffNo: 1, branch: 'HQ' } }))
  // @ts-expect-error that is not a staff actor
  void (() => app.execute(audit({ id: '1' }), { actor: { id: 'x', roles: [] } }))
}
// 5. the app knows its commands, its projections, and what its store can do
;async () => {
  const app = bank()
  const actor = { id: 'ann', roles: [] }
  const receipt = await app.execute(withdraw({ accountId: 'a', amount: 1 }), { actor })
  is<Equal<(typeof receipt.events)[number]['type'], 'MoneyWithdrawn'>>()
  const outcome = await app.attempt(withdraw({ accountId: 'a', amount: 1 }), { actor })
  if (!outcome.ok && outcome.rejection.code === 'InsufficientFunds') {
    is<Equal<typeof outcome.rejection.details.balance, number>>()
  }
  const row = await app.view(balances).get('a')
  is<Equal<typeof row, { owner: string; balance: number } | undefined>>()

  // @ts-expect-error an actor is always given: nobody is anonymous by accident
  await app.execute(withdraw({ accountId: 'a', amount: 1 }))

  const small = createApp({ store: sqlite(''), commands: [deposit] })
  // @ts-expect-error withdraw is not registered in this app
  await small.execute(withdraw({ accountId: 'a', amount: 1 }), { actor })

  createApp({
    store: clickhouse(''),
    commands: [deposit],
    projections: [
      transferReport,
      // @ts-expect-error ClickHouse has no transactions, `balances` is transactional
      balances,
    ],
  })
}

// 6. projections and process managers
{
  projection('p', {
    events: [MoneyDeposited],
    consistency: 'async',
    key: (event) => event.subject,
    initial: () => ({ total: 0 }),
    // @ts-expect-error not an event of this projection
    evolve: { MoneyDeposited: (view) => view, Other: () => ({ total: 0 }) },
  })
  processManager('m', {
    events: [MoneyDeposited],
    commands: [deposit],
    correlate: ({ data }) => data.transferId,
    initial: () => ({}),
    evolve: {},
    on: {
      // @ts-expect-error withdraw is not among its commands
      MoneyDeposited: ({ send }) => send(withdraw({ accountId: 'a', amount: 1 })),
    },
  })
  processManager('m', {
    events: [MoneyDeposited],
    commands: [deposit],
    correlate: ({ data }) => data.transferId,
    initial: () => ({}),
    evolve: {},
    on: {
      // @ts-expect-error no timeout has this name
      MoneyDeposited: ({ timeout }) => timeout('setlement', { seconds: 1 }),
    },
    timeouts: { settlement: () => undefined },
  })
}

// 7. scenarios
{
  const given = scenario(Account).given(AccountOpened({ owner: 'ann' }))
  // @ts-expect-error not an event of the aggregate
  scenario(Account).given(TransferRequested({ transferId: '', from: '', to: '', amount: 1 }))
  void (() => {
    const when = given.when(withdraw({ accountId: 'a', amount: 1 }), { actor: { id: 'ann', roles: [] } })
    void when.thenRejected('InsufficientFunds')
    // @ts-expect-error not a code of withdraw
    void when.thenRejected('NoFunds')
    // @ts-expect-error withdraw never emits AccountOpened
    void when.thenEvents(AccountOpened({ owner: 'x' }))
  })
}

// 8. what JSON cannot keep is refused on the schema itself, unless a codec keeps it
{
  // @ts-expect-error a Date needs a codec
  event('Dated', z.object({ at: z.date() }))
  // @ts-expect-error a bigint needs a codec
  event('Counted', z.object({ deep: z.object({ cents: z.bigint() }) }))
  // @ts-expect-error a Map needs a codec
  event('Mapped', z.object({ rates: z.map(z.string(), z.number()) }))
  // @ts-expect-error a Set in an array needs a codec
  event('Listed', z.array(z.object({ tags: z.set(z.string()) })))
  // @ts-expect-error an optional Date needs a codec too
  event('Maybe', z.object({ at: z.date().optional() }))
  // @ts-expect-error tags are no codec
  event('Tagged', z.object({ at: z.date(), who: z.string() }), { tags: ({ who }) => [who] })
  // @ts-expect-error the next version is held to the same
  event('Later', z.object({})).upcast(z.object({ at: z.date() }), () => ({ at: new Date(0) }))

  const Dated = event('Dated', z.object({ at: z.date() }), {
    tags: ({ at }) => [`year:${at.getFullYear()}`],
    codec: { encode: ({ at }) => at.toISOString(), decode: (json) => ({ at: new Date(json) }) },
  })
  is<Equal<ReturnType<typeof Dated>, { readonly type: 'Dated'; readonly data: { at: Date } }>>()
  const Counted = event('Counted', z.object({})).upcast(z.object({ cents: z.bigint() }), () => ({ cents: 0n }), {
    codec: { encode: ({ cents }) => ({ cents: `${cents}` }), decode: ({ cents }) => ({ cents: BigInt(cents) }) },
  })
  is<Equal<ReturnType<typeof Counted>['data']['cents'], bigint>>()
  // @ts-expect-error the codec makes something else than the schema does
  event('Wrong', z.object({ at: z.date() }), { codec: { encode: String, decode: () => ({ at: 'today' }) } })

  // what only looks alike is accepted: text, unknown, any, a string that was a Date before its transform
  event('Plain', z.object({ at: z.iso.datetime(), list: z.array(z.tuple([z.string(), z.null()])), rest: z.unknown(), free: z.any() }))
  event('Parsed', z.object({ at: z.date().transform((at) => at.toISOString()) }))
}

// 9. folds see no place in the log before there is one
{
  aggregate('early', {
    events: [AccountOpened],
    initial: () => ({ version: 0, at: 0 }),
    evolve: {
      AccountOpened: (_, event) => {
        is<Equal<typeof event.version, number>>()
        // @ts-expect-error an aggregate folds before the commit: there is no position yet
        const { position } = event
        // @ts-expect-error nor a time of recording
        const { recordedAt } = event
        return { version: position ?? event.version, at: recordedAt ?? 0 }
      },
    },
  })
  projection('early', {
    events: [AccountOpened],
    consistency: 'transactional',
    // @ts-expect-error nor in a key
    key: (event) => `${event.position}`,
    initial: () => ({ position: 0 }),
    // @ts-expect-error nor in a row
    evolve: { AccountOpened: (_, event) => ({ position: event.position }) },
  })
  projection('late', {
    events: [AccountOpened, MoneyDeposited],
    consistency: 'async',
    key: (event) => event.recordedAt.toISOString(),
    initial: () => ({ position: 0 }),
    evolve: {
      AccountOpened: (_, { position }) => ({ position }),
      MoneyDeposited: (row, { data, position }, key) =>
        data.amount > 1 ? { position: position + key.length } : row.position > 0 ? null : undefined,
    },
  })
  tableProjection('early', {
    events: [AccountOpened],
    consistency: 'transactional',
    tables: { owners: 'create table if not exists owners (name text)' },
    // @ts-expect-error nor in a statement
    apply: (event, sql) => sql`insert into owners values (${event.position})`,
  })
  tableProjection('late', {
    events: [AccountOpened],
    consistency: 'async',
    tables: { owners: 'create table if not exists owners (name text)' },
    apply: (event, sql) => [sql`delete from owners`, sql`insert into owners values (${event.position}, ${event.data.owner})`],
  })
}

// 10. an index names a field of the row, and how it is compared
{
  const people = projection('people', {
    events: [AccountOpened],
    consistency: 'async',
    key: (event) => event.data.owner,
    initial: () => ({ owner: '', accounts: 0 }),
    evolve: { AccountOpened: (row, { data }) => ({ owner: data.owner, accounts: row.accounts + 1 }) },
    indexes: { owner: 'text', accounts: 'number' },
  })
  is<Equal<keyof Types<typeof people>['indexes'], 'owner' | 'accounts'>>()
  projection('people', {
    events: [AccountOpened],
    consistency: 'async',
    key: (event) => event.data.owner,
    initial: () => ({ owner: '' }),
    evolve: { AccountOpened: (_, { data }) => ({ owner: data.owner }) },
    // @ts-expect-error a row has no name
    indexes: { name: 'text' },
  })
  projection('people', {
    events: [AccountOpened],
    consistency: 'async',
    key: (event) => event.data.owner,
    initial: () => ({ owner: '' }),
    evolve: { AccountOpened: (_, { data }) => ({ owner: data.owner }) },
    // @ts-expect-error a field is compared as text or as a number
    indexes: { owner: 'date' },
  })
}

// 11. a decision: boundary, fold and rule share the input
{
  const reserve = decision('Reserve', {
    input: z.object({ owner: z.string(), most: z.coerce.number<string>() }),
    stream: ({ owner }) => `owner-${owner}`,
    events: [AccountOpened, MoneyDeposited],
    boundary: ({ owner }) => [{ tags: [`owner:${owner}`] }, { types: ['MoneyDeposited'] }],
    initial: () => ({ mine: 0 }),
    evolve: {
      AccountOpened: (state, { data, position }, input) => {
        is<Equal<typeof input, { owner: string; most: number }>>()
        return { mine: data.owner === input.owner ? state.mine + position : state.mine }
      },
      MoneyDeposited: (state) => state,
    },
    decide: ({ state, input, actor }) =>
      state.mine < input.most ? AccountOpened({ owner: actor.id }) : reject('TooMany', { most: input.most }),
  })
  is<Equal<Parameters<typeof reserve>[0], { owner: string; most: string }>>()
  is<Equal<EmittedOf<CallOf<typeof reserve>>['type'], 'AccountOpened'>>()
  is<Equal<RejectionOf<CallOf<typeof reserve>>, Rejection<'TooMany', { most: number }>>>()
  decision('Forgetful', {
    input: z.object({}),
    stream: () => 'a-1',
    events: [AccountOpened, MoneyDeposited],
    boundary: () => [],
    initial: () => 0,
    // @ts-expect-error MoneyDeposited is forgotten
    evolve: { AccountOpened: (count) => count + 1 },
    decide: () => undefined,
  })
}

// 12. a command without an aggregate: everything from one object, no state
{
  const UserActivated = event('UserActivated', z.object({ userId: z.string() }))
  const activateUser = command('ActivateUser', {
    input: z.object({ userId: z.string(), on: z.string().transform(Number) }),
    stream: ({ userId, on }) => `user-${userId}.${on.toFixed()}`,
    authorize: ({ actor }) => actor.roles.includes('admin'),
    decide: ({ input, state, now }) => {
      is<Equal<typeof state, undefined>>()
      return input.on > now.getTime() ? reject('TooEarly') : [UserActivated({ userId: input.userId })]
    },
  })
  type Call = CallOf<typeof activateUser>
  is<Equal<Parameters<typeof activateUser>[0], { userId: string; on: string }>>()
  is<Equal<Call['command'], 'ActivateUser'>>()
  is<Equal<EmittedOf<Call>, { readonly type: 'UserActivated'; readonly data: { userId: string } }>>()
  is<Equal<RejectionOf<Call>, Rejection<'TooEarly', undefined>>>()
  // @ts-expect-error it needs a stream
  command('Nowhere', { input: z.object({}), decide: () => undefined })
}

// 13. what comes along with a command is typed by the schema it is bound to
{
  const { command, decision } = actors(z.object({ staffNo: z.number() }), {
    context: z.object({ branch: z.string(), day: z.string().transform((text) => new Date(text)) }),
    process: (name) => ({ staffNo: name.length }),
  })
  const audit = command(Account, 'Audit', {
    input: z.object({ id: z.string() }),
    id: ({ id }) => id,
    authorize: ({ actor, context }) => actor.staffNo > 0 && context.branch === 'HQ',
    decide: ({ context }) => {
      is<Equal<typeof context, { branch: string; day: Date }>>()
      // @ts-expect-error nothing else comes along
      return context.till ? [] : undefined
    },
  })
  is<Equal<Types<CallOf<typeof audit>>['actor'], { staffNo: number }>>()
  decision('Count', {
    input: z.object({}),
    stream: () => 'a-1',
    events: [AccountOpened],
    boundary: () => [],
    initial: () => 0,
    evolve: { AccountOpened: (count) => count + 1 },
    decide: ({ context }) => (context.branch === 'HQ' ? reject('Closed') : undefined),
  })
  // @ts-expect-error that is not a staff actor
  actors(z.object({ staffNo: z.number() }), { process: (name) => ({ id: name }) })
  // without a schema, what comes along is unknown
  unbound('Open', {
    input: z.object({}),
    stream: () => 'a-1',
    decide: ({ context }) => {
      is<Equal<typeof context.anything, unknown>>()
      return undefined
    },
  })
}

// 14. where a subscription begins is a word, a position or a date, and changes nothing of what is inferred
{
  const handle = (event: { readonly data: { readonly amount: number } }) => void event.data.amount
  eventHandler('a', { events: [MoneyDeposited], startFrom: 'now', handle })
  eventHandler('b', { events: [MoneyDeposited], startFrom: { at: new Date(0) }, handle: ({ data }) => void data.amount })
  const counts = projection('counts', {
    events: [MoneyDeposited],
    consistency: 'async',
    startFrom: { position: 5 },
    key: (event) => event.subject,
    initial: () => ({ count: 0 }),
    evolve: { MoneyDeposited: ({ count }) => ({ count: count + 1 }) },
  })
  is<Equal<ViewOf<typeof counts>, { count: number }>>()
  // @ts-expect-error the end is 'now'
  eventHandler('c', { events: [MoneyDeposited], startFrom: 'end', handle })
  // @ts-expect-error a date, not its text
  eventHandler('d', { events: [MoneyDeposited], startFrom: { at: '2030-01-01' }, handle })
  const { subscriptions } = createApp({ store: memory(), commands: [deposit] })
  subscriptions.rewind('a', { at: new Date(0) })
  // @ts-expect-error a rewind goes back
  subscriptions.rewind('a', 'now')
}
