/** The reference pages against the sources: no option, error or signal is missing, and none is invented. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { toMs } from '../../src/core/duration.ts'
import * as errors from '../../src/core/errors.ts'
import { signalNames } from '../../src/core/observer.ts'
import { toSettings } from '../../src/runtime/settings.ts'
import { settingsOf as postgresSettingsOf } from '../../src/stores/postgres/options.ts'
import { settingsOf } from '../../src/stores/sqlite/options.ts'
import { allPages } from './docs-pages.ts'
import { errorClasses, optionsOf, signalFields } from './docs-sources.ts'

const textOf = (name: string) => allPages().find(({ path }) => path === `docs/${name}`)?.text ?? ''

/** One row: `| name | type | default | what it does |`. */
interface Row {
  readonly name: string
  readonly type: string
  readonly default: string
  readonly text: string
}

/** The tables of configuration.md by the comment above each: `<!-- options: src/file.ts Name -->`. */
function tables(): ReadonlyMap<string, readonly Row[]> {
  const found = [...textOf('configuration.md').matchAll(/^<!-- options: (.+) -->\n\n((?:\|.*\n)+)/gm)]
  return new Map(
    found.map(([, source = '', table = '']) => [
      source,
      table
        .trimEnd()
        .split('\n')
        .slice(2)
        .map((line) =>
          line
            .slice(1, -1)
            .split(/(?<!\\)\|/)
            .map((cell) => cell.trim()),
        )
        .map(([name = '', type = '', standard = '', text = '']) => ({ name: name.replaceAll('`', ''), type, default: standard, text })),
    ]),
  )
}

const configuration = tables()

/** Every options object that a user can write. A new one belongs here and into configuration.md. */
const sources = [
  'src/runtime/app.ts AppOptions',
  'src/runtime/rebuild/rebuilds.ts RebuildOptions',
  'src/runtime/settings.ts Defaults',
  'src/core/duration.ts Duration',
  'src/core/event.ts EventOptions',
  'src/core/json.ts Codec',
  'src/core/aggregate.ts aggregate(definition)',
  'src/core/aggregate.ts SnapshotPolicy',
  'src/core/aggregate.ts LifespanPolicy',
  'src/core/command.ts CommandFactory(definition)',
  'src/core/command.ts CommandFactory(definition)2',
  'src/core/command.ts CommandStages',
  'src/core/decision.ts DecisionFactory(definition)',
  'src/core/actors.ts actors(options)',
  'src/core/projection.ts projection(definition)',
  'src/core/table-projection.ts tableProjection(definition)',
  'src/core/event-handler.ts eventHandler(definition)',
  'src/core/event-handler.ts RetryPolicy',
  'src/core/process-manager.ts processManager(definition)',
  'src/runtime/command/execute-command.ts ExecuteOptions',
  'src/runtime/app.ts AskingFor',
  'src/runtime/read/reads.ts LoadOptions',
  'src/runtime/read/reads.ts HistoryOptions',
  'src/runtime/read/reads.ts EventsOptions',
  'src/runtime/read/read-ahead.ts EventsBuffer',
  'src/core/event-store.ts ListStreamsOptions',
  'src/runtime/view/view-reader.ts ViewReader(options)',
  'src/runtime/view/view-reader.ts ListOptions',
  'src/runtime/command/transactions.ts TransactionOptions',
  'src/stores/memory/memory.ts MemoryOptions',
  'src/stores/sqlite/options.ts SqliteOptions',
  'src/stores/postgres/options.ts PostgresOptions',
  'src/testing/test-app.ts TestAppOptions',
  'src/testing/scenario.ts WhenOptions',
  'src/testing/store-contract.ts ContractSubject',
  'src/testing/read-model-contract.ts ReadModelSubject',
  'src/core/cloud-event.ts CloudEventOptions',
  'src/telemetry/open-telemetry.ts OpenTelemetryOptions',
]

test('configuration.md has a table for every options object, and no other', () => {
  assert.deepEqual([...configuration.keys()].sort(), [...sources].sort())
})

for (const source of sources) {
  test(`configuration.md: ${source}: each option has a row, each row is an option, and what is required says so`, () => {
    const rows = configuration.get(source) ?? []
    const expected = optionsOf(source).map(({ name, required }) => `${name}${required ? ' required' : ''}`)
    const written = rows.map((row) => `${row.name}${row.default === 'required' ? ' required' : ''}`)
    assert.deepEqual(written.sort(), expected.sort())
    for (const row of rows) assert.ok(row.type !== '' && row.default !== '' && row.text !== '', `${row.name} has an empty cell`)
  })
}

/** What a written default comes to: `` `{ minutes: 30 }` `` is 1,800,000, `10,000` is a number, a word is itself. */
function writtenValue(written: string): unknown {
  const text = written.replaceAll('`', '')
  if (/^[\d,.]+$/.test(text)) return Number(text.replaceAll(',', ''))
  const value: unknown = new Function(`return (${text})`)()
  const isDuration = typeof value === 'object' && value !== null && Object.values(value).every((member) => typeof member === 'number')
  return isDuration && !('everyEvents' in value) ? toMs(value, written) : value
}

const settings = toSettings({})
const defaults: Readonly<Record<string, unknown>> = {
  'aggregate.snapshot': settings.snapshot,
  'aggregate.lifespan': settings.lifespan,
  'aggregate.hibernateAfter': settings.hibernateAfterMs,
  'aggregate.compareSnapshotOneIn': settings.compareSnapshotOneIn,
  'command.attempts': settings.attempts,
  'command.backoff': settings.backoffMs,
  'command.longestBackoff': settings.longestBackoffMs,
  'command.timeout': settings.timeoutMs,
  'command.keepOutcome': settings.keepOutcomeMs,
  'command.consistency': settings.consistency,
  'command.groupSize': settings.groupSize,
  'command.groupPatience': settings.groupPatienceMs,
  'memory.warmStreams': settings.warmStreams,
  'memory.warmRows': settings.warmRows,
  'memory.checkEvery': settings.checkMemoryEveryMs,
  'memory.elevatedAt': settings.elevatedAt,
  'memory.criticalAt': settings.criticalAt,
  'memory.hysteresis': settings.hysteresis,
  'subscriptions.lease': settings.leaseMs,
  'subscriptions.checkpointEvery': settings.checkpointEveryMs,
  'subscriptions.restart.maxRestarts': settings.restart.maxRestarts,
  'subscriptions.restart.within': settings.restart.withinMs,
  'subscriptions.retryAtOnce': settings.retryAtOnce,
  'subscriptions.audit': { every: { minutes: (settings.auditEveryMs ?? 0) / 60_000 } },
  'subscriptions.stopWithin': settings.stopWithinMs,
  'subscriptions.waitTimeout': settings.waitTimeoutMs,
  'subscriptions.rebuild': settings.rebuild,
}
const sqlite = settingsOf({})
const sqliteDefaults: Readonly<Record<string, unknown>> = {
  synchronous: sqlite.synchronous,
  lockTimeout: sqlite.lockTimeoutMs,
  pollInterval: sqlite.pollMs,
  maxBatchRequests: sqlite.maxBatchRequests,
  maxBatchBytes: sqlite.maxBatchBytes,
  readOnly: sqlite.readOnly,
}

const postgres = postgresSettingsOf({})
const postgresDefaults: Readonly<Record<string, unknown>> = {
  schema: postgres.schemaName,
  partitions: postgres.partitions,
  maxConnections: postgres.maxConnections,
  maxBatchRequests: postgres.maxBatchRequests,
  maxBatchBytes: postgres.maxBatchBytes,
  busyInterval: postgres.busyMs,
  lockTimeout: postgres.lockTimeoutMs,
  pollInterval: postgres.pollMs,
}

for (const [source, inCode, elsewhere] of [
  ['src/runtime/settings.ts Defaults', defaults, ['handlers.retry']],
  ['src/stores/sqlite/options.ts SqliteOptions', sqliteDefaults, ['clock']],
  ['src/stores/postgres/options.ts PostgresOptions', postgresDefaults, ['clock']],
] as const) {
  test(`configuration.md: the defaults of ${source} are those of the code`, () => {
    const rows = (configuration.get(source) ?? []).filter(({ name }) => !elsewhere.includes(name as never))
    assert.deepEqual(Object.fromEntries(rows.map((row) => [row.name, writtenValue(row.default)])), inCode)
  })
}

const errorSections = new Map(
  textOf('errors.md')
    .split(/^## (?=ES_)/m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section] as const),
)

test('errors.md has a section for every code of the registry, in its order', () => {
  assert.deepEqual([...errorSections.keys()], Object.keys(errors.errorCodes))
})

test('every code has exactly one class', () => {
  assert.deepEqual([...errorClasses().keys()].sort(), Object.keys(errors.errorCodes).sort())
})

for (const { name, code, retryable, fields } of errorClasses().values()) {
  test(`errors.md: ${code} names its class, whether to try again, and its fields`, () => {
    const told = fields.length > 0 ? `fields: ${fields.map((field) => `\`${field}\``).join(', ')}` : 'no fields'
    assert.match(errorSections.get(code) ?? '', new RegExp(`^\`${name}\` · ${retryable} · ${told}$`, 'm'))
  })
}

/** Errors whose message is made by their class, as the page shows them. */
const examples: readonly errors.DacapoError[] = [
  new errors.ValidationError('input of Deposit', [{ message: 'Too small: expected number to be >0', path: ['amount'] }]),
  new errors.ForbiddenError('Withdraw'),
  new errors.CommandRejectedError('Withdraw', { kind: 'rejection', code: 'InsufficientFunds', details: undefined }),
  new errors.UnknownCommandError('Widthdraw', 'Withdraw', []),
  new errors.ConcurrencyError('account-7', 2, 3),
  new errors.ConditionFailedError(41, 42),
  new errors.ViewConflictError('balances', '7'),
  new errors.ProjectionFailedError('owners', 'AccountOpened', new Error('UNIQUE constraint failed: owners.owner')),
  new errors.StreamNotFoundError('account-7'),
  new errors.StreamNameError('account', 'it must be <category>-<id>, the category of letters, digits, "_" and ".".'),
  new errors.DuplicateEventError('0192e4a0-7b1c-7000-8000-000000000001'),
  new errors.IdempotencyMismatchError('payment-1'),
  new errors.TooLargeError('An append to account-7', 10_001, 10_000, 'events'),
  new errors.UpcastError('AccountClosed', 1, 2, new Error('closedBy: Required')),
  new errors.CorruptStreamError('account-7', 9, 'after version 7 comes version 9.'),
  new errors.ClockDriftError(90_000, 60_000),
  new errors.NestedTransactionError('execute'),
  new errors.TimedOutError('execute Withdraw', 5000),
  new errors.StoppedError('The app'),
]

for (const { code, message } of examples) {
  test(`errors.md: ${code} shows the message as it is`, () => {
    assert.ok(errorSections.get(code)?.includes(`> ${message}`), message)
  })
}

test('configuration.md tells the limits that cannot be set as they are in the sources', () => {
  const limits = [...textOf('configuration.md').matchAll(/^\| .+ \| (.+) \| .+ <!-- (\S+\.ts) (\w+) --> \|$/gm)]
  const plain = (value = '') => value.replaceAll(/[_,\s]/g, '').replaceAll('×', '*')
  assert.ok(limits.length >= 14, `${limits.length} limits`)
  for (const [, written = '', file = '', name = ''] of limits) {
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    const value = new RegExp(`const ${name} = ([\\d_ *]+)$`, 'm').exec(source)?.[1]
    assert.equal(plain(value), plain(written), `${file} ${name}`)
  }
})

test('telemetry.md has a section for every signal, in order, with exactly its fields', () => {
  const sections = textOf('telemetry.md')
    .split(/^### `(?=[\w.-]+`$)/m)
    .slice(1)
  const written = sections.map((section) => [
    section.slice(0, section.indexOf('`')),
    [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, field]) => field),
  ])
  const fields = signalFields()
  assert.deepEqual(
    written,
    signalNames.map((name) => [name, fields.get(name)]),
  )
})

test('coming-from.md has a row for every signal that evoq declares, and names one of ours for each', () => {
  const declared = [
    ...['aggregate,execute,start', 'aggregate,execute,stop', 'aggregate,execute,exception', 'aggregate,init', 'aggregate,hibernate'],
    ...['aggregate,passivate', 'aggregate,activate', 'aggregate,snapshot,save', 'aggregate,snapshot,load', 'aggregate,integrity,violation'],
    ...['dispatch,start', 'dispatch,stop', 'dispatch,exception'],
    ...['middleware,before_dispatch', 'middleware,after_dispatch', 'middleware,failure', 'idempotency,hit', 'idempotency,miss'],
    ...['handler,start', 'handler,stop', 'handler,exception', 'handler,event,start', 'handler,event,stop', 'handler,event,exception'],
    ...['handler,retry', 'handler,dead_letter', 'router,event', 'router,upcast'],
    ...['process_manager,start', 'process_manager,stop', 'process_manager,command', 'process_manager,compensate'],
    ...['projection,start', 'projection,stop', 'projection,event', 'projection,exception', 'projection,checkpoint'],
    ...['memory,pressure', 'memory,ttl_adjusted'],
  ]
  const known: ReadonlySet<string> = new Set(signalNames)
  const rows = new Map(
    [...textOf('coming-from.md').matchAll(/^\| `([a-z_,]+)` \| `([a-z.-]+)`/gm)].map(([, theirs, ours]) => [theirs, ours]),
  )
  for (const name of declared) assert.ok(known.has(rows.get(name) ?? ''), `${name} is ${rows.get(name)}`)
})
