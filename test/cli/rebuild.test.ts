/** `dacapo rebuild` and `dacapo compare` on an app of a module of the user's. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { lineOf, progressLine, spanOf } from '../../src/cli/progress-line.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { appendDeposits } from '../runtime/subscriptions/follow.ts'
import { temporaryFolder } from '../stores/support.ts'
import { dacapo, program } from './run-command.ts'

const dist = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../dist', file)).href)

/** A module with an app that counts deposits; each takes the milliseconds of the variable SLOW. */
function writeModule(t: TestContext, exports: string): { readonly module: string; readonly file: string } {
  const folder = temporaryFolder(t)
  const [module, file] = [join(folder, 'app.mjs'), join(folder, 'bank.db')]
  writeFileSync(
    module,
    `import { z } from ${JSON.stringify(import.meta.resolve('zod'))}
import { createApp, event, projection } from ${dist('index.js')}
import { sqlite } from ${dist('stores/sqlite/index.js')}
const MoneyDeposited = event('MoneyDeposited', z.object({ amount: z.number() }))
const count = ({ count }) => ({ count: count + 1 })
const wait = new Int32Array(new SharedArrayBuffer(4))
const key = ({ subject }) => {
  if (process.env.SLOW) Atomics.wait(wait, 0, 0, Number(process.env.SLOW))
  return subject
}
const fold = { events: [MoneyDeposited], key, initial: () => ({ count: 0 }), evolve: { MoneyDeposited: count } }
const deposits = projection('deposits', { ...fold, consistency: 'async' })
const totals = projection('totals', { ...fold, consistency: 'transactional' })
const make = () => createApp({ store: sqlite(${JSON.stringify(file)}), projections: [deposits, totals] })
${exports}
setInterval(() => {}, 1000) // a server that listens, as far as the process can tell
`,
  )
  return { module, file }
}

async function withStore<T>(file: string, work: (store: ReturnType<typeof sqlite>) => Promise<T>): Promise<T> {
  const store = sqlite(file)
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

const storedIn = (file: string) =>
  withStore(file, async (store) => {
    const generation = (await store.views.defined()).find(({ view }) => view === 'deposits')?.generation
    return [generation, (await store.views.get('', 'deposits', 'a'))?.row]
  })

test('rebuild says how far it is and what it has come to, and ends although the module keeps things open', async (t) => {
  const { module, file } = writeModule(t, 'export default make()')
  await withStore(file, (store) => appendDeposits(store, 3000, ['a', 'b']))
  const { code, stdout, stderr } = await dacapo(['rebuild', module, 'deposits'])
  assert.deepEqual([code, stderr], [0, ''])
  const lines = stdout.trimEnd().split('\n')
  assert.match(lines[0] ?? '', /^\[[#-]{24}\] +\d+ % {2}[\d,]+ events\/s/)
  assert.match(lines.at(-1) ?? '', /^deposits: rebuilt from [\d,]+ events, up to position [\d,]+, in \d+/)
  assert.deepEqual((await storedIn(file))[0], 1)
})

test('compare exits with 0 when no row differs, and with 3 and the rows when some do', async (t) => {
  const { module, file } = writeModule(t, 'export const app = Promise.resolve(make())')
  await withStore(file, (store) => appendDeposits(store, 30, ['a', 'b']))
  await dacapo(['rebuild', module, 'deposits'])
  const same = await dacapo(['compare', module, 'deposits'])
  assert.deepEqual([same.code, same.stdout.trimEnd().split('\n').at(-1)], [0, 'deposits: 2 rows compared at position 30, none differs'])
  await withStore(file, async (store) => {
    const [live] = (await storedIn(file)) as [number]
    await store.work.commit([{ rows: [{ tenant: '', view: 'deposits', key: 'b', row: '{"count":7}', generation: live }] }])
  })
  const { code, stdout } = await dacapo(['compare', module, 'deposits'])
  assert.equal(code, 3)
  assert.deepEqual(stdout.trimEnd().split('\n').slice(-2), [
    'deposits: 2 rows compared at position 30, 1 differ: 1 changed, 0 missing, 0 that should not be there',
    '  b: stored {"count":7}, rebuilt {"count":15}',
  ])
})

test('Ctrl-C leaves a rebuild to be gone on with, says so, and exits with 130; the next one ends it', async (t) => {
  const { module, file } = writeModule(t, 'export default make()')
  await withStore(file, (store) => appendDeposits(store, 2000))
  const run = spawn(process.execPath, [program, 'rebuild', module, 'deposits'], { env: { ...process.env, SLOW: '2' } })
  let stdout = ''
  run.stdout.on('data', (text) => {
    if (stdout === '') run.kill('SIGINT')
    stdout += text
  })
  const [code] = await once(run, 'close')
  assert.equal(code, 130)
  assert.match(stdout, /deposits: not done yet\. What is built is kept: run the same again/)
  assert.deepEqual((await storedIn(file))[0], 0)
  const again = await dacapo(['rebuild', module, 'deposits'])
  assert.deepEqual([again.code, again.stderr], [0, ''])
  assert.deepEqual((await storedIn(file))[0], 1)
})

test('what cannot be done is said in one sentence with its code', async (t) => {
  const { module } = writeModule(t, 'export default make()')
  const said = async (...args: readonly string[]) => {
    const { code, stderr } = await dacapo(args)
    return [code, stderr.split('\n')[0]]
  }
  const unknown = `dacapo: There is no projection "deposit" in this app: did you mean "deposits"? (ES_DEFINITION)`
  assert.deepEqual(await said('rebuild', module, 'deposit'), [2, unknown])
  const transactional = await said('compare', module, 'totals')
  assert.equal(transactional[0], 1)
  assert.match(String(transactional[1]), /^dacapo: Projection totals is transactional: .* \(ES_UNSUPPORTED\)$/)
  const none = writeModule(t, 'export const bank = make()').module
  const noApp = `dacapo: ${none} exports no app: what createApp returns, or a promise of it, as its default export or as "app". (ES_DEFINITION)`
  assert.deepEqual(await said('rebuild', none, 'deposits'), [2, noApp])
  const failing = writeModule(t, `throw new Error('no configuration')`).module
  assert.deepEqual(await said('rebuild', failing, 'deposits'), [2, `dacapo: ${failing} could not be loaded: Error: no configuration`])
})

const progress = { position: 250, head: 1000, events: 200, perSecond: 12_345, etaMs: 61_000 }

test('a terminal has one line that changes, a log has a line every five seconds', () => {
  const line = '[######------------------]  25 %  12,345 events/s  1 min 1 s left'
  assert.equal(lineOf(progress), line)
  for (const [isTTY, written] of [
    [true, [`\r\u001b[K${line}`, `\r\u001b[K${line}`, `\r\u001b[K${line}`, '\n']],
    [false, [`${line}\n`, `${line}\n`]],
  ] as const) {
    const all: string[] = []
    let now = 0
    const shown = progressLine({ isTTY, write: (text) => all.push(text) }, () => now)
    for (now of [0, 4999, 5000]) shown.show(progress)
    shown.end()
    assert.deepEqual(all, written)
  }
})

test('spans of time are short', () => {
  assert.deepEqual([850, 59_400, 200_000, 7_500_000].map(spanOf), ['850 ms', '59 s', '3 min 20 s', '2 h 5 min'])
  assert.equal(lineOf({ ...progress, position: 0, head: 0, etaMs: undefined }), '[########################] 100 %  12,345 events/s')
})
