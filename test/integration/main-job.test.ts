/** The main job as a stranger runs it: a process of its own, a file in, a bank out. It is killed, too. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { balances } from '../../examples/bank/domain/balances.ts'
import { isDatabase, openBank } from '../../examples/bank/domain/bank.ts'
import { freshDatabase } from '../postgres/fresh.ts'
import { postgresServers } from '../postgres/servers.ts'

const mainJob = join(import.meta.dirname, '../../examples/bank/main.ts')
const wholeDay = join(import.meta.dirname, '../../examples/bank/commands.jsonl')
const makeCommands = join(import.meta.dirname, '../../examples/bank/make-commands.ts')
const folder = await mkdtemp(join(tmpdir(), 'dacapo-main-job-'))
const at = (name: string) => join(folder, name)
after(() => rmSync(folder, { recursive: true }))

const teller = { id: 'tom', roles: ['teller'] }
const ann = { id: 'Ann', roles: ['customer'] }
const bob = { id: 'Bob', roles: ['customer'] }
const request = (key: string, actor: object, command: string, input: object) => JSON.stringify({ key, actor, command, input })
const payIn = request('pay-in', teller, 'Deposit', { accountId: 'A', amount: 100_00 })
const payOut = request('pay-out', ann, 'Withdraw', { accountId: 'A', amount: 30_00 })
const tooMuch = request('too-much', ann, 'Withdraw', { accountId: 'A', amount: 90_00 })
const move = request('move', ann, 'Transfer', { from: 'A', to: 'B', amount: 50_00, transferId: 'T1' })
const moveNowhere = request('nowhere', ann, 'Transfer', { from: 'A', to: 'C', amount: 10_00, transferId: 'T2' })

/** Every kind of line, with what must become of it. */
const smallDay: readonly (readonly [line: string, outcome: string])[] = [
  [request('open-a', teller, 'OpenAccount', { accountId: 'A', owner: 'Ann' }), '1 event'],
  [request('open-b', bob, 'OpenAccount', { accountId: 'B', owner: 'Bob' }), '1 event'],
  [payIn, '1 event'],
  [payOut, '1 event'],
  [request('stranger', bob, 'Withdraw', { accountId: 'A', amount: 30_00 }), 'Forbidden'],
  [tooMuch, 'InsufficientFunds'],
  [payOut, 'duplicate'],
  [tooMuch, 'duplicate'],
  [payIn.replace('10000', '10001'), 'invalid: Idempotency key "pay-in" belongs to another command or input: use one key per request.'],
  [payIn.slice(0, -1), `invalid: not JSON: Expected ',' or '}' after property value in JSON at position ${payIn.length - 1}`],
  ['', 'invalid: the line is empty'],
  [request('typo', teller, 'Depositt', { accountId: 'A', amount: 1 }), 'invalid: No command is called "Depositt"; did you mean Deposit?'],
  [request('negative', teller, 'Deposit', { accountId: 'A', amount: -1 }), 'invalid: amount: Too small: expected number to be >0'],
  [payIn.replace('"key":"pay-in",', ''), 'invalid: key: Invalid input: expected string, received undefined'],
  [move, '2 events'],
  [move, 'duplicate'],
  [moveNowhere, 'AccountNotOpen'],
  [request('move-too-much', ann, 'Transfer', { from: 'A', to: 'B', amount: 500_00, transferId: 'T3' }), 'InsufficientFunds'],
  [moveNowhere, 'duplicate'],
  [request('limit', teller, 'Withdraw', { accountId: 'A', amount: 10_000_01 }), 'invalid: the limit is 10,000.00 at a time'],
  [request('close-full', teller, 'CloseAccount', { accountId: 'A', reason: 'moved' }), 'BalanceNotZero'],
  [request('empty', ann, 'Withdraw', { accountId: 'A', amount: 20_00 }), '1 event'],
  [request('close', teller, 'CloseAccount', { accountId: 'A', reason: 'moved' }), '1 event'],
  [request('too-late', teller, 'Deposit', { accountId: 'A', amount: 1 }), 'AccountNotOpen'],
  [request('close-again', teller, 'CloseAccount', { accountId: 'A', reason: 'moved' }), '0 events'],
  [request('open-again', teller, 'OpenAccount', { accountId: 'A', owner: 'Ann' }), 'AlreadyOpen'],
  [request('self', ann, 'Transfer', { from: 'A', to: 'A', amount: 1, transferId: 'T4' }), 'invalid: to: must be another account than from'],
  [`${request('windows', teller, 'Deposit', { accountId: 'B', amount: 1 })}\r`, '1 event'],
]
const outcomes = smallDay.map(([, outcome]) => outcome)
const invalid = outcomes.flatMap((outcome, i) => (outcome.startsWith('invalid: ') ? [{ line: i + 1, reason: outcome.slice(9) }] : []))

test('each line is settled, and its outcome counted', async () => {
  writeFileSync(at('small.jsonl'), smallDay.map(([line]) => line).join('\n'))
  assert.deepEqual(await countsOf('small.jsonl', 'small.db'), {
    accepted: 9,
    rejected: { Forbidden: 1, InsufficientFunds: 2, AccountNotOpen: 2, BalanceNotZero: 1, AlreadyOpen: 1 },
    invalid,
    duplicates: 4,
    events: 9,
  })
  assert.deepEqual((await contents('small.db')).balances, [{ key: 'B', row: { owner: 'Bob', balance: 50_01 } }])
})

test('a rerun changes nothing: what was settled is a duplicate, what was invalid still is', async () => {
  const before = await contents('small.db')
  assert.deepEqual(await countsOf('small.jsonl', 'small.db'), {
    accepted: 0,
    rejected: {},
    invalid,
    duplicates: smallDay.length - invalid.length,
    events: 0,
  })
  assert.deepEqual(await contents('small.db'), before)
})

test('people get tables within 80 columns, without colours when nobody sees them, and a word about a rerun', async () => {
  const { code, stdout } = await runJob(['--input', at('small.jsonl'), '--db', at('small.db')])
  assert.equal(code, 0)
  assert.match(stdout, /Nothing changed: /)
  assert.ok(!stdout.includes('\x1b'))
  for (const line of stdout.split('\n').filter((line) => !line.includes(folder))) assert.ok(line.length <= 80, line)
})

test('in the evening orders settle, or are taken back, and another evening changes nothing', async () => {
  const before = await contents('small.db')
  for (const receipts of ['had been printed before', 'had been printed before']) {
    const { code, stdout, stderr } = await runJob(['--input', at('small.jsonl'), '--db', at('small.db')])
    assert.deepEqual([code, stderr], [0, ''])
    assertEvening(stdout)
    assert.match(stdout, new RegExp(receipts))
  }
  assert.deepEqual(await contents('small.db'), before)
  const { stdout } = await runJob(['--input', at('small.jsonl'), '--db', at('evening.db')])
  assertEvening(stdout)
  assert.match(stdout, /no paper for 2, so they were dead letters; now all 4 are printed/)
})

function assertEvening(stdout: string): void {
  assert.match(stdout, /│ E1 .*✔ settled +│ +│\n.*│ E2 .*✔ settled +│ +│\n.*│ E3 .*↩ compensated │ AccountNotOpen/)
  assert.match(stdout, /│ E4 .*✘ failed +│ InsufficientFunds/)
  assert.match(stdout, /ada 415\.00, ben 185\.00: what was compensated is back/)
}

test('the whole day comes to the numbers that the example promises', async () => {
  const made = execFileSync(process.execPath, [makeCommands], { encoding: 'utf8', maxBuffer: 2 ** 24 })
  assert.equal(made, readFileSync(wholeDay, 'utf8'), 'make-commands.ts makes commands.jsonl')

  const { invalid, ...counts } = await countsOf(wholeDay, 'whole.db')
  assert.deepEqual(counts, {
    accepted: 23_375,
    rejected: { InsufficientFunds: 562, AccountNotOpen: 272, Forbidden: 177, BalanceNotZero: 116, AlreadyOpen: 69 },
    duplicates: 322,
    events: 26_906,
  })
  assert.equal(invalid.length, 107)
})

test('a job killed again and again ends where an undisturbed one does', async () => {
  writeFileSync(at('morning.jsonl'), readFileSync(wholeDay, 'utf8').split('\n').slice(0, 9_000).join('\n'))
  const undisturbed = await countsOf('morning.jsonl', 'undisturbed.db')
  const step = sizeOf('undisturbed.db') / 6
  for (let kills = 0; kills < 4; kills++) {
    const job = start(['--json', '--input', 'morning.jsonl', '--db', at('killed.db')])
    await grownTo('killed.db', sizeOf('killed.db') + step, job.child)
    job.child.kill('SIGKILL')
    assert.deepEqual(await job.ended, { code: null, stdout: '', stderr: '' })
  }
  const last = await countsOf('morning.jsonl', 'killed.db')
  assert.ok(last.accepted > 0 && last.duplicates > undisturbed.duplicates, 'the kills were in the middle')
  const expected = await contents('undisturbed.db')
  assert.deepEqual(await contents('killed.db'), expected)
  assert.equal(Object.values(expected.histories).flat().length, undisturbed.events)
})

for (const server of await postgresServers()) {
  test(`PostgreSQL ${server.name}: the same lines come to the same bank, and a rerun changes nothing`, async () => {
    const { url, drop } = await freshDatabase(server)
    const file = `same-as-${server.name}.db`
    assert.deepEqual(await countsOf('morning.jsonl', url), await countsOf('morning.jsonl', file))
    const settled = await contents(url)
    assert.deepEqual(settled, await contents(file))
    const again = await countsOf('morning.jsonl', url)
    assert.deepEqual([again.accepted, again.events, again.rejected], [0, 0, {}])
    assert.deepEqual(await contents(url), settled)
    assertEvening((await runJob(['--input', at('small.jsonl'), '--store', url])).stdout)
    await drop()
  })
}

test('Ctrl-C in the middle ends well, and the next run does the rest', async () => {
  const job = start(['--json', '--input', 'morning.jsonl', '--db', at('stopped.db')])
  await grownTo('stopped.db', 500_000, job.child)
  job.child.kill('SIGINT')
  const { code, stdout, stderr } = await job.ended
  assert.equal(code, 130)
  assert.match(stderr, /^Stopped after [\d,]+ lines, all settled\. Run it again, and it does the rest\.\n$/)

  const first = JSON.parse(stdout)
  const second = await countsOf('morning.jsonl', 'stopped.db')
  assert.ok(first.accepted > 0 && second.accepted > 0)
  const expected = await contents('undisturbed.db')
  assert.deepEqual(await contents('stopped.db'), expected)
  assert.equal(first.events + second.events, Object.values(expected.histories).flat().length)
})

test('what cannot work is said in one sentence', async () => {
  writeFileSync(at('notes.db'), 'Dear diary, this is no database at all. '.repeat(200))
  const cases: readonly (readonly [sentence: RegExp, ...args: readonly string[]])[] = [
    [/there is no file .*missing\.jsonl/i, '--input', at('missing.jsonl')],
    [/is a folder; --input needs a file/, '--input', folder],
    [/is a folder/, '--db', folder],
    [/notes\.db/, '--db', at('notes.db')],
    [/notes\.db/, '--db', at('notes.db/bank.db')],
    [/\/proc\/bank\.db/, '--db', '/proc/bank.db'],
    [/Unknown option '--fast'/, '--fast'],
    [/--db/, '--db'],
    [/--db needs the name of a file/, '--db', ''],
    [/Unexpected argument 'again'/, 'again'],
  ]
  const results = await Promise.all(cases.map(([, ...args]) => runJob(['--db', at('fine.db'), '--input', at('small.jsonl'), ...args])))
  results.forEach(({ code, stdout, stderr }, i) => {
    const [sentence, ...args] = cases[i]!
    assert.equal(code, 1, args.join(' '))
    assert.equal(stdout.trim().split('\n').length <= 2, true, stdout)
    assert.match(stderr, sentence)
    assert.match(stderr, /^[^\n]+\.\n$/, 'one line, a full stop at its end')
    assert.doesNotMatch(stderr, /\.ts:\d|\bat \//)
  })
})

interface Ended {
  /** `null` when it was killed. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const { FORCE_COLOR: _, COLUMNS: __, ...env } = process.env
  const child = spawn(process.execPath, [mainJob, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk) => (text.stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk) => (text.stderr += chunk))
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, ...text }))) }
}

function runJob(args: readonly string[]): Promise<Ended> {
  return start(args).ended
}

/** What --json prints, but for the time it took. */
async function countsOf(input: string, db: string) {
  const { code, stdout, stderr } = await runJob(['--json', '--input', input, ...(isDatabase(db) ? ['--store', db] : ['--db', at(db)])])
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.match(stdout, /^\{[^\n]+\}\n$/)
  const { seconds, perSecond, ...counts } = JSON.parse(stdout)
  assert.ok(seconds > 0 && perSecond > 0)
  return counts
}

/** All rows of the view, and the history of each account, without what differs from run to run: ids, positions, times. */
async function contents(db: string) {
  await using bank = openBank(isDatabase(db) ? db : at(db))
  await bank.prepare()
  const rows: object[] = []
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await bank.view(balances).list({ limit: 1000, after })
    rows.push(...page.rows)
    after = page.next
  }
  const histories: Record<string, object[]> = {}
  for await (const { stream, version, type, data, metadata } of bank.events()) {
    histories[stream] = [...(histories[stream] ?? []), { version, type, data, actor: metadata.actor }]
  }
  return { balances: rows, histories }
}

/** Resolves when the bank has that many bytes, or when the job has ended before. */
async function grownTo(db: string, bytes: number, job: ChildProcess): Promise<void> {
  while (job.exitCode === null && sizeOf(db) < bytes) await pause(2)
}

/** Of the bank and its write-ahead log; 0 before they are there. */
function sizeOf(db: string): number {
  return ['', '-wal'].reduce((sum, suffix) => sum + (statSync(at(db + suffix), { throwIfNoEntry: false })?.size ?? 0), 0)
}
