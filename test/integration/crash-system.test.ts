/** The campaign on the running system in short, and whether its checks can fail at all. The long form: `npm run crash -- --store …`. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Break } from '../../crash/system/broken-stores.ts'
import { processes, type SystemFinding, systemCampaign } from '../../crash/system/campaign.ts'
import { check } from '../../crash/system/check.ts'
import type { Evidence, LogEvent } from '../../crash/system/evidence.ts'
import { type Fault, faultsOf, onFiles, onServers } from '../../crash/system/faults.ts'
import { onFile, onServer, type Place } from '../../crash/system/places.ts'
import { requestOf } from '../../crash/system/requests.ts'
import { postgresServers } from '../postgres/servers.ts'

const seed = 20_260_302
const [server] = await postgresServers()
const places: Readonly<Record<Place['kind'], () => Promise<Place>>> = {
  sqlite: onFile,
  postgres: () => onServer(server!.url, processes, seed),
}

async function run(kind: Place['kind'], seconds: number, broken?: Break): Promise<SystemFinding> {
  const place = await places[kind]()
  try {
    return await systemCampaign(place, { seconds, seed, break: broken })
  } finally {
    await place.end(false)
  }
}

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`${kind}: processes that are killed, frozen and cut off miss nothing and do nothing twice`, async (t: TestContext) => {
    const { problems, faults, lives, transfers, events, handedOver } = await run(kind, 6)
    t.diagnostic(JSON.stringify({ faults, lives, transfers, events, handedOver }))
    assert.deepEqual(problems, [])
    assert.ok(lives > processes && handedOver > 0, 'processes were killed, and others have gone on with their work')
    assert.ok(transfers.completed + transfers.failed > 0)
  })
}

test('commands whose outcomes are not kept are found to be executed twice', async () => {
  const { problems } = await run('sqlite', 4, 'dedupe')
  assert.match(problems.join('\n'), /requests were carried out more than once|are neither complete nor taken back|answered with a "no"/)
})

test('work that is committed without a lease is found out', async () => {
  const { problems } = await run('postgres', 4, 'fence')
  assert.match(problems.join('\n'), /rows of the (?:table|async view) differ from the log|requests were carried out more than once/)
})

test('a seed makes the same faults, and the same requests', () => {
  const planOf = (from: number) => {
    const plan: Fault[] = []
    for (const fault of faultsOf(from, processes, onServers)) if (plan.push(fault) === 200) break
    return plan
  }
  assert.deepEqual(planOf(seed), planOf(seed))
  assert.notDeepEqual(planOf(seed), planOf(seed + 1))
  assert.deepEqual([...new Set(planOf(seed).map(({ kind }) => kind))].sort(), Object.keys(onServers).sort())
  assert.deepEqual(requestOf(seed, 1, 50), requestOf(seed, 1, 50))
})

test('on a file no connections are cut, since there are none', () => {
  let count = 0
  for (const { kind } of faultsOf(seed, processes, onFiles)) {
    assert.ok(kind in onFiles, kind)
    if (++count === 200) break
  }
})

test('the check sees every kind of damage', () => {
  const log = logOf(
    ['d1', 'account-a', 'MoneyDeposited', { amount: 100 }],
    ['t1', 'transfer-t1', 'TransferRequested', { transferId: 't1' }],
    ['t1', 'account-a', 'MoneyWithdrawn', { amount: 30, transferId: 't1' }],
    ['t1', 'account-b', 'MoneyDeposited', { amount: 30, transferId: 't1' }],
    ['t1', 'transfer-t1', 'TransferCompleted', { transferId: 't1' }],
    ['t1', 'account-rewards', 'MoneyDeposited', { amount: 1 }],
    ['t2', 'transfer-t2', 'TransferRequested', { transferId: 't2' }],
    ['t2', 'account-b', 'MoneyWithdrawn', { amount: 5, transferId: 't2' }],
    ['t2', 'account-b', 'MoneyDeposited', { amount: 5 }],
    ['t2', 'transfer-t2', 'TransferFailed', { transferId: 't2' }],
  )
  const asked = (command: 'Deposit' | 'RequestTransfer' | 'ApproveTransfer', key: string) => {
    return { request: { command, key, idempotencyKey: key, input: {} }, told: 'accepted' as const }
  }
  const sound: Evidence = {
    log,
    asked: [asked('Deposit', 'd1'), asked('RequestTransfer', 't1'), asked('RequestTransfer', 't2')],
    delivered: log,
    balances: new Map(Object.entries({ a: 70, b: 30, rewards: 1 })),
    sums: new Map(Object.entries({ a: { sum: 70, count: 2 }, b: { sum: 30, count: 3 }, rewards: { sum: 1, count: 1 } })),
    tallies: new Map(Object.entries({ TransferRequested: 2, TransferCompleted: 1, TransferFailed: 1 })),
    given: [],
  }
  assert.deepEqual(check(sound), [])

  const without = (...positions: readonly number[]) => log.filter(({ position }) => !positions.includes(position))
  const also = (...event: Happened) => [...log, ...logOf(event).map((one) => ({ ...one, position: 11, id: 'e11' }))]
  const damages: readonly (readonly [damage: Partial<Evidence>, ...problems: readonly RegExp[]])[] = [
    [{ log: without(5, 6) }, /^1 transfers have no end: t1/, /^2 events were handled that are not in the log/],
    [{ log: without(9) }, /^1 transfers are neither complete nor taken back: t2/, /^101 were paid in, but accounts have 96$/],
    [
      { log: also('t1', 'account-b', 'MoneyDeposited', { amount: 30, transferId: 't1' }) },
      /^1 requests were carried out more than once: t1/,
    ],
    [{ log: also('d1', 'account-a', 'MoneyDeposited', { amount: 100 }) }, /^1 requests were carried out more than once: d1/],
    [{ log: also('t1', 'transfer-t1', 'TransferFailed', {}) }, /^1 transfers are neither complete nor taken back: t1/],
    [{ log: without(1) }, /^1 requests were accepted and are lost: Deposit d1/, /^1 events do not follow the version before theirs/],
    [{ log: log.toReversed() }, /^9 events do not come after the one before them/],
    [
      { asked: [...sound.asked, { ...asked('RequestTransfer', 't9'), told: 'rejected AlreadyRequested' }] },
      /^1 requests were answered with a "no" that does not concern them: RequestTransfer t9/,
    ],
    [{ asked: [...sound.asked, { ...asked('Deposit', 'd9'), told: undefined }] }, /^1 requests have no answer: Deposit d9/],
    [{ balances: new Map([['a', 70]]) }, /^2 rows of the transactional view differ/, /^101 were paid in, but the rows of accounts say 70$/],
    [{ sums: new Map([...sound.sums, ['a', { sum: 70, count: 3 }]]) }, /^1 rows of the async view differ from the log: a$/],
    [{ sums: new Map([...sound.sums, ['c', { sum: 1, count: 1 }]]) }, /^1 rows of the async view differ from the log: c$/],
    [{ tallies: new Map([...sound.tallies, ['TransferFailed', 2]]) }, /^1 rows of the table differ from the log: TransferFailed 2$/],
    [{ delivered: without(4) }, /^1 events were never handled: account-b 1$/, /^1 events were handled before the one before them/],
    [{ given: ['parked handler:witness account-a'] }, /^1 dead letters and stuck processes/],
  ]
  for (const [damage, ...expected] of damages) {
    const problems = check({ ...sound, ...damage })
    for (const problem of expected)
      assert.ok(
        problems.some((found) => problem.test(found)),
        `${problem} in\n${problems.join('\n')}`,
      )
  }
})

type Happened = readonly [correlationId: string, stream: string, type: string, data: LogEvent['data']]

/** A log of what has happened, in this order. */
function logOf(...events: readonly Happened[]): readonly LogEvent[] {
  const versions = new Map<string, number>()
  return events.map(([correlationId, stream, type, data], i) => {
    const version = (versions.get(stream) ?? 0) + 1
    versions.set(stream, version)
    return { position: i + 1, id: `e${i + 1}`, stream, version, type, data, correlationId }
  })
}
