import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import * as errors from '../../src/core/errors.ts'
import { reject } from '../../src/core/rejection.ts'

const { DacapoError, errorCodes, ValidationError } = errors
const cause = new Error('disk is full')

/** One of each class, with its code and whether the same call may help. */
const each: readonly (readonly [error: errors.DacapoError, code: errors.ErrorCode, retryable: boolean])[] = [
  [new errors.DefinitionError('twice'), 'ES_DEFINITION', false],
  [new errors.ValidationError('data', ['too short']), 'ES_VALIDATION', false],
  [new errors.ForbiddenError('Withdraw'), 'ES_FORBIDDEN', false],
  [new errors.CommandRejectedError('Withdraw', reject('Closed')), 'ES_REJECTED', false],
  [new errors.UnknownCommandError('Withdrw', 'Withdraw', []), 'ES_UNKNOWN_COMMAND', false],
  [new errors.UnknownEventError('Gone', 'not known'), 'ES_UNKNOWN_EVENT', false],
  [new errors.ConcurrencyError('account-7', 3, 4), 'ES_CONCURRENCY', true],
  [new errors.ConditionFailedError(3, 4), 'ES_CONDITION_FAILED', true],
  [new errors.ViewConflictError('balances', '7'), 'ES_VIEW_CONFLICT', true],
  [new errors.ViewSetChangedError('account-7'), 'ES_VIEW_SET_CHANGED', true],
  [new errors.ProjectionSetChangedError('balances', 'Deposited'), 'ES_PROJECTION_SET_CHANGED', false],
  [new errors.ProjectionFailedError('balances', 'Deposited', cause), 'ES_PROJECTION_FAILED', false],
  [new errors.StreamNotFoundError('account-7'), 'ES_STREAM_NOT_FOUND', false],
  [new errors.StreamNameError('account', 'no hyphen'), 'ES_STREAM_NAME', false],
  [new errors.DuplicateEventError('1'), 'ES_DUPLICATE_EVENT', false],
  [new errors.IdempotencyMismatchError('key'), 'ES_IDEMPOTENCY_MISMATCH', false],
  [new errors.TooLargeError('An append', 2, 1, 'events'), 'ES_TOO_LARGE', false],
  [new errors.SerializationError('no', 'a.b'), 'ES_SERIALIZATION', false],
  [new errors.UpcastError('Opened', 1, 2, cause), 'ES_UPCAST', false],
  [new errors.CorruptStreamError('account-7', 3, 'a hole'), 'ES_CORRUPT_STREAM', false],
  [new errors.ClockDriftError(70_000, 60_000), 'ES_CLOCK_DRIFT', true],
  [new errors.SqlError(new Error('syntax')), 'ES_SQL', false],
  [new errors.StoreUnavailableError('sqlite', 'busy'), 'ES_STORE_UNAVAILABLE', true],
  [new errors.StoreFormatError('sqlite', 'too new'), 'ES_STORE_FORMAT', false],
  [new errors.LeaseLostError('send-receipt', '0'), 'ES_LEASE_LOST', false],
  [new errors.RecordConflictError('dead-letter', '7'), 'ES_RECORD_CONFLICT', true],
  [new errors.RebuildEndedError('balances'), 'ES_REBUILD_ENDED', false],
  [new errors.NotFoundError('instance "t7" of transfers'), 'ES_NOT_FOUND', false],
  [new errors.WrongStatusError('instance "t7" of transfers', 'running', 'retry'), 'ES_WRONG_STATUS', false],
  [new errors.DeadLetteredError('send-receipt', 'account-7', 'no'), 'ES_DEAD_LETTERED', false],
  [new errors.UnknownSubscriptionError('greet', 'did you mean greeter?'), 'ES_UNKNOWN_SUBSCRIPTION', false],
  [new errors.SubscriptionPausedError('greet'), 'ES_SUBSCRIPTION_PAUSED', false],
  [new errors.SubscriptionFailedError('greet', 'no'), 'ES_SUBSCRIPTION_FAILED', false],
  [new errors.WaitCycleError(['greet', 'greet']), 'ES_WAIT_CYCLE', false],
  [new errors.CheckpointAheadError('greet', 10, 3), 'ES_CHECKPOINT_AHEAD', false],
  [new errors.OverflowError(1000, 41), 'ES_OVERFLOW', false],
  [new errors.UnsupportedError('no sql'), 'ES_UNSUPPORTED', false],
  [new errors.DriverMissingError('pg', 'npm i pg'), 'ES_DRIVER_MISSING', false],
  [new errors.NestedTransactionError('execute'), 'ES_NESTED_TRANSACTION', false],
  [new errors.TimedOutError('execute Withdraw', 5), 'ES_TIMED_OUT', true],
  [new errors.StoppedError('The app'), 'ES_STOPPED', false],
]

for (const [error, code, retryable] of each) {
  test(`${error.constructor.name} has the code ${code} and is ${retryable ? '' : 'not '}worth a retry`, () => {
    assert.equal(error.code, code)
    assert.equal(error.retryable, retryable)
    assert.equal(error.name, error.constructor.name)
    assert.ok(error instanceof DacapoError && error instanceof Error && DacapoError.is(error))
    assert.ok(error.message.length > 0)
  })
}

test('every class and every code is in that list', () => {
  const classes = Object.values(errors).filter((value) => typeof value === 'function' && value.prototype instanceof DacapoError)
  assert.deepEqual(each.map(([error]) => error.constructor).sort(byName), (classes as NamedClass[]).sort(byName))
  assert.deepEqual(each.map(([, code]) => code).sort(), Object.keys(errorCodes).sort())
})

test('an error of another copy of the package is recognised, although its class is another one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dacapo-copy-'))
  t.after(() => rmSync(folder, { recursive: true }))
  copyFileSync(join(import.meta.dirname, '../../src/core/errors.ts'), join(folder, 'errors.mts'))
  const copy = (await import(pathToFileURL(join(folder, 'errors.mts')).href)) as typeof errors
  const error = new copy.StoppedError('The app')
  assert.ok(!(error instanceof DacapoError))
  assert.ok(DacapoError.is(error) && copy.DacapoError.is(new errors.StoppedError('The app')))
})

test('nothing else is taken for an error of ours', () => {
  for (const value of [undefined, null, 'ES_STOPPED', {}, new Error('no'), { code: 'ES_STOPPED', retryable: false }]) {
    assert.ok(!DacapoError.is(value))
  }
})

test('the brand is invisible to whoever lists or logs an error', () => {
  assert.deepEqual(Object.getOwnPropertySymbols({ ...new errors.StoppedError('The app') }), [])
})

test('a cause is kept, and there is none where none was given', () => {
  assert.equal(new errors.ProjectionFailedError('balances', 'Deposited', cause).cause, cause)
  assert.ok(!('cause' in new errors.StoppedError('The app')))
})

test('a store may say that its failure is final', () => {
  assert.equal(new errors.StoreUnavailableError('sqlite', 'gone', { retryable: false, cause }).retryable, false)
})

test('issues keep their paths and stand in the message', () => {
  const error = new ValidationError('input of Withdraw', ['no', { message: 'too small', path: ['lines', 0, 'amount'] }])
  assert.equal(error.message, 'input of Withdraw is not valid: no; lines.0.amount: too small')
  assert.deepEqual(error.issues, [
    { message: 'no', path: [] },
    { message: 'too small', path: ['lines', 0, 'amount'] },
  ])
})

test('an unknown command is answered with a suggestion, or with what there is', () => {
  assert.match(new errors.UnknownCommandError('Withdrw', 'Withdraw', []).message, /did you mean Withdraw\?/)
  assert.match(new errors.UnknownCommandError('X', undefined, ['Deposit', 'Withdraw']).message, /Deposit, Withdraw/)
  assert.match(new errors.UnknownCommandError('X', undefined, []).message, /no commands/)
})

test('whatever was thrown ends its sentence', () => {
  assert.match(new errors.UpcastError('Opened', 1, 2, 'broken').message, /broken\.$/)
  assert.match(new errors.UpcastError('Opened', 1, 2, new Error('Really?')).message, /Really\?$/)
})

type NamedClass = { readonly name: string }

function byName(a: NamedClass, b: NamedClass): number {
  return a.name < b.name ? -1 : 1
}
