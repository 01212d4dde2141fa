/** Three processes follow a log while they are killed and frozen: at the end nothing is missing, and nothing was done twice. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { EventStore } from '../../../src/core/event-store.ts'
import { createApp } from '../../../src/index.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { sqlite } from '../../../src/stores/sqlite/index.ts'
import { completeTransfer, deposit, failTransfer, openAccount, requestTransfer } from '../../domain/bank.ts'
import { postgresServers } from '../../postgres/servers.ts'
import { assertSettled } from '../../property/subscriptions/assert-settled.ts'

const teller = { id: 'tom', roles: ['teller'] }
const accounts = ['a', 'b', 'c', 'd']
const rounds = 12

/** Numbers that look random and are the same each time. */
function dice(seed: number) {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function campaign(t: TestContext, store: EventStore, place: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dacapo-follow-'))
  const witnessed = join(folder, 'witnessed')
  writeFileSync(witnessed, '')
  const random = dice(20_260_302)
  const children: ChildProcess[] = []
  const start = () => {
    const program = join(import.meta.dirname, 'following-process.ts')
    return spawn(process.execPath, [program, ...place, witnessed], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  t.after(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  })
  const app = createApp({ store, commands: [openAccount, deposit, requestTransfer, completeTransfer, failTransfer] })
  for (const accountId of accounts) await app.execute(openAccount({ accountId, owner: 'ann' }), { actor: teller })
  for (let n = 0; n < 3; n++) children.push(start())

  let [kills, freezes, transfers] = [0, 0, 0]
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < 20; n++) {
      const [from, to] = [accounts[random(4)] as string, [...accounts, 'nobody'][random(5)] as string]
      const amount = 1 + random(50)
      if (n % 2 === 0) await app.execute(deposit({ accountId: from, amount }), { actor: teller })
      else await app.execute(requestTransfer({ transferId: `t${++transfers}`, from, to, amount }), { actor: teller })
    }
    await wait(random(400))
    const victim = random(3)
    const child = children[victim] as ChildProcess
    if (random(2) === 0) {
      child.kill('SIGKILL')
      await once(child, 'exit')
      children[victim] = start()
      kills++
    } else {
      child.kill('SIGSTOP')
      await wait(random(2) * 1800) // now and then for longer than a lease
      child.kill('SIGCONT')
      freezes++
    }
  }
  const delivered = () =>
    readFileSync(witnessed, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => ({ stream: line.split(' ')[0] as string, version: Number(line.split(' ')[1]) }))
  // As long as it takes; only what never comes to its end ends here.
  for (const end = performance.now() + 120_000; ; await wait(100)) {
    try {
      await assertSettled(store, delivered())
      break
    } catch (error) {
      if (performance.now() > end) throw error
    }
  }
  t.diagnostic(`${kills} kills, ${freezes} freezes, ${transfers} transfers, ${delivered().length} deliveries`)
  assert.ok(kills > 0 && freezes > 0)
  await app.stop()
}

test('sqlite: processes that are killed and frozen miss nothing and do nothing twice', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dacapo-follow-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'bank.db')
  await campaign(t, sqlite(file, { synchronous: 'NORMAL' }), ['sqlite', file, '-'])
})

test('postgres: processes that are killed and frozen miss nothing and do nothing twice', async (t) => {
  const [server] = await postgresServers()
  const schema = `following_${process.pid}`
  await campaign(t, postgres(server!.url, { schema, maxConnections: 4 }), ['postgres', server!.url, schema])
})
