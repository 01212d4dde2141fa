/** The campaign on the running system in short, and whether its checks can fail at all. The long form: `npm run crash -- --store …`. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Break } from '../../crash/system/broken-stores.ts'
import { processes, type SystemFinding, systemCampaign } from '../../crash/system/campaign.ts'
import { check } from '../../crash/system/check.ts'
import { type Evidence, givenUp, type LogEvent } from '../../crash/system/evidence.ts'
import { type Fault, faultsOf, onFiles, onServers } from '../../crash/system/faults.ts'
import { handoversOf } from '../../crash/system/handovers.ts'
import { onFile, onServer, type Place } from '../../crash/system/places.ts'
import { type ClientRequest, requestOf } from '../../crash/system/requests.ts'
import { postgresServers } from '../postgres/servers.ts'

/** Whose plan has, in six seconds, two faults of each kind of connection before their victims are killed for the first time. */
const seed = 20_260_469
const [server] = await postgresServers()
const places: Readonly<Record<Place['kind'], () => Promise<Place>>> = {
  sqlite: onFile,
  postgres: () => onServer(server!.url, processes, seed),
}

async function run(kind: Place['kind'], seconds: number, broken?: Break): Promise<SystemFinding> {
  const place = await places[kind]()
  try {
    const finding = await systemCampaign(place, { seconds, seed, break: broken })
    if (finding.problems.length > 0) {
      const kept = JSON.parse(await readFile(join(place.folder, 'evidence.json'), 'utf8'))
      assert.equal(kept.log.length, finding.events, 'what there is to look at is kept')
    }
    return finding
  } finally {
    await place.end(false)
  }
}

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`${kind}: processes that are killed, frozen and cut off miss nothing and do nothing twice`, async (t: TestContext) => {
    const { problems, faults, lives, transfers, events, handedOver, rebuilds } = await run(kind, 6)
    t.diagnostic(JSON.stringify({ faults, lives, transfers, events, handedOver, rebuilds }))
    assert.deepEqual(problems, [])
    const hit = kind === 'postgres' ? onServers : onFiles
    assert.deepEqual(Object.keys(faults).sort(), Object.keys(hit).sort(), 'every kind of fault has hit something')
    assert.ok(lives > processes && handedOver > 0, 'processes were killed, and others have gone on with their work')
    assert.ok(transfers.completed + transfers.failed > 0)
    assert.ok(rebuilds.ended > 0, 'a view was rebuilt meanwhile')
  })
}

test('commands whose outcomes are not kept are found to be executed twice', async () => {
  const { problems } = await run('sqlite', 4, 'dedupe')
  assert.match(problems.join('\n'), /requests were carried out more than once|answered with a "no"/)
})

test('work that is committed without a lease is found out', async () => {
  const { problems } = await run('postgres', 4, 'fence')
  // What is only slow has counted too few; without leases there are too many.
  const tallied = problems.find((problem) => problem.includes('rows of the table differ from the log')) ?? ''
  const hasTooMany = [...tallied.matchAll(/(\d+) of (\d+)/g)].some(([, found, inLog]) => Number(found) > Number(inLog))
  assert.ok(hasTooMany || /requests were carried out more than once/.test(problems.join('\n')), problems.join('\n'))
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
    ['t3', 'transfer-t3', 'TransferRequested', { transferId: 't3', amount: 45 }],
    ['t3', 'account-a', 'MoneyWithdrawn', { amount: 45, transferId: 't3' }],
    ['t3', 'transfer-t3', 'TransferApproved', { transferId: 't3' }],
    ['t3', 'account-b', 'MoneyDeposited', { amount: 45, transferId: 't3' }],
    ['t3', 'transfer-t3', 'TransferCompleted', { transferId: 't3' }],
    ['t3', 'account-rewards', 'MoneyDeposited', { amount: 1 }],
  )
  const asked = (command: 'Deposit' | 'RequestTransfer' | 'ApproveTransfer', key: string, input: ClientRequest['input'] = {}) => {
    return { request: { command, key, idempotencyKey: key, input }, told: 'accepted' as const }
  }
  const sound: Evidence = {
    log,
    asked: [
      asked('Deposit', 'd1', { amount: 100 }),
      asked('RequestTransfer', 't1'),
      asked('RequestTransfer', 't2'),
      asked('RequestTransfer', 't3'),
      asked('ApproveTransfer', 't3'),
    ],
    delivered: log,
    balances: new Map(Object.entries({ a: 25, b: 75, rewards: 2 })),
    sums: new Map(Object.entries({ a: { sum: 25, count: 3 }, b: { sum: 75, count: 4 }, rewards: { sum: 2, count: 2 } })),
    differing: [],
    tallies: new Map(Object.entries({ TransferRequested: 3, TransferCompleted: 2, TransferFailed: 1 })),
    given: [],
  }
  assert.deepEqual(check(sound), [])

  const without = (...positions: readonly number[]) => log.filter(({ position }) => !positions.includes(position))
  const also = (...event: Happened) => [...log, ...logOf(event).map((one) => ({ ...one, position: 17, id: 'e17' }))]
  const damages: readonly (readonly [damage: Partial<Evidence>, ...problems: readonly RegExp[]])[] = [
    [{ log: without(5, 6) }, /^1 transfers have no end: t1/, /^2 events were handled that are not in the log/],
    [{ log: without(9) }, /^1 transfers are neither complete nor taken back: t2/, /^102 were paid in, but accounts have 97$/],
    [
      { log: also('t1', 'account-b', 'MoneyDeposited', { amount: 30, transferId: 't1' }) },
      /^1 requests were carried out more than once: t1/,
    ],
    [{ log: also('d1', 'account-a', 'MoneyDeposited', { amount: 100 }) }, /^1 requests were carried out more than once: d1/],
    [{ log: also('t1', 'transfer-t1', 'TransferFailed', {}) }, /^1 transfers are neither complete nor taken back: t1/],
    [{ log: without(1) }, /^1 requests were accepted and are lost: Deposit d1/, /^1 events do not follow the version before theirs/],
    [{ log: log.toReversed() }, /^15 events do not come after the one before them/],
    [
      { asked: [...sound.asked, { ...asked('RequestTransfer', 't9'), told: 'rejected AlreadyRequested' }] },
      /^1 requests were answered with a "no" that does not concern them: RequestTransfer t9/,
    ],
    [{ asked: [...sound.asked, { ...asked('Deposit', 'd9'), told: undefined }] }, /^1 requests have no answer: Deposit d9/],
    [{ balances: new Map([['a', 70]]) }, /^3 rows of the transactional view differ/, /^102 were paid in, but the rows of accounts say 70$/],
    [
      { sums: new Map([...sound.sums, ['a', { sum: 25, count: 2 }]]) },
      /^1 rows of the async view differ from the log: a 25 of 25, after 2 of 3 events$/,
    ],
    [
      { sums: new Map([...sound.sums, ['c', { sum: 1, count: 1 }]]) },
      /^1 rows of the async view differ from the log: c 1 of 0, after 1 of 0 events$/,
    ],
    [{ tallies: new Map([...sound.tallies, ['TransferFailed', 2]]) }, /^1 rows of the table differ from the log: TransferFailed 2 of 1$/],
    [{ differing: ['{"key":"a"}'] }, /^1 rows of the async view differ from a rebuild: \{"key":"a"\}$/],
    [{ delivered: without(4) }, /^1 events were never handled: account-b 1$/, /^1 events were handled before the one before them/],
    [
      { log: without(13) },
      /^1 large transfers were completed without an approval: t3$/,
      /^1 transfers have other approvals .* of: t3 0 of 1$/,
    ],
    [
      { asked: [...sound.asked, { ...asked('ApproveTransfer', 't3'), told: 'accepted' }] },
      /^1 transfers have other approvals in the log than clients were told of: t3 1 of 2$/,
    ],
    [{ asked: sound.asked.slice(0, -1) }, /^1 transfers have other approvals in the log than clients were told of: t3 1 of 0$/],
    [
      { asked: [asked('Deposit', 'd1', { amount: 99 }), ...sound.asked.slice(1)] },
      /^101 were paid in, but accounts have 102$/,
      /^101 were paid in, but the rows of accounts say 102$/,
    ],
    [{ given: ['parked handler:witness account-a'] }, /^1 dead letters, stuck processes and holes: parked handler:witness account-a$/],
    [{ given: ['hole projection:sums 0-12 0/3'] }, /^1 dead letters, stuck processes and holes: hole projection:sums 0-12 0\/3$/],
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

test('what is left to a person is gathered: dead letters, stuck processes and holes', async () => {
  const place = await onFile()
  const store = place.open()
  const record = { owner: 'projection:sums', tenant: '', key: '0-12 0/3', slot: 0, dueAt: null, body: '{}' }
  const left = [
    { ...record, kind: 'parked', status: 'dead' },
    { ...record, kind: 'process', status: 'stuck' },
    { ...record, kind: 'hole', status: 'found' },
  ]
  try {
    assert.deepEqual(await store.work.commit([{ records: left }]), [{ kind: 'done' }])
    assert.deepEqual(
      await givenUp(store),
      ['parked', 'process', 'hole'].map((kind) => `${kind} projection:sums 0-12 0/3`),
    )
  } finally {
    await store.close()
    await place.end(false)
  }
})

test('a part has gone to another process when that one has begun it, and not when the same one has begun it again', () => {
  const lines = [
    'part projection:sums 0/2 1/100',
    'part projection:sums 1/2 2/200',
    'part projection:sums 0/2 1/100',
    'part rebuild:sums 0/1/1 1/100',
    'part rebuild:sums 0/1/2 2/200',
  ]
  assert.deepEqual(handoversOf(lines), { handedOver: 0, resumed: 0 })
  const more = ['part projection:sums 0/2 1/101', 'part rebuild:sums 0/1/2 3/300', 'part projection:sums 0/2 1/101']
  assert.deepEqual(handoversOf([...lines, ...more]), { handedOver: 2, resumed: 1 })
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
