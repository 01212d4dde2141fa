import assert from 'node:assert/strict'
import { beforeEach, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { check } from './check.ts'
import { programs } from './programs.ts'

beforeEach(() => {
  // What is tested here is the run of a day without wishes.
  for (const wish of ['DACAPO_SEED', 'DACAPO_RUNS']) delete process.env[wish]
})

const payments = fc.record({ kind: fc.constant('pay'), amount: fc.nat() })
const nobodyPays100 = fc.asyncProperty(programs(payments, 20), async (program) => assert.ok(program.every(({ amount }) => amount < 100)))

function listener() {
  const heard: string[] = []
  const t: Pick<TestContext, 'name' | 'diagnostic'> = { name: 'its name', diagnostic: (sentence) => void heard.push(sentence) }
  return { t, heard }
}

test('a property that holds tells its seed and how many runs it made', async () => {
  const { t, heard } = listener()
  const holds = fc.property(fc.nat(), (amount) => amount >= 0)
  await check(t, holds, { runs: 7 })
  assert.match(heard[0]!, /^seed -?\d+, 7 runs: its name$/)
})

test('a property that does not hold prints its steps as a list, with its seed and path and what was thrown', async () => {
  const { t, heard } = listener()
  await assert.rejects(check(t, nobodyPays100), ({ message, cause }: Error) => {
    assert.match(message, /\n\n {2}1\. pay \{ amount: 100 \}\n\n.* DACAPO_SEED=-?\d+,[\d:]+\n$/)
    assert.ok(cause instanceof assert.AssertionError)
    return true
  })
  assert.match(heard[0]!, /^seed -?\d+, \d+ runs: its name$/)
})

test('seed and path lead to the same counterexample again, at once', async () => {
  const { t, heard } = listener()
  const failure = (await check(t, nobodyPays100).catch((error) => error)) as Error
  process.env['DACAPO_SEED'] = /DACAPO_SEED=(\S+)/.exec(failure.message)![1]!
  await assert.rejects(check(t, nobodyPays100), /\n {2}1\. pay \{ amount: 100 \}\n\n/)
  assert.match(heard[1]!, /, 1 runs: /)
})

test('the number of runs is as wished', async () => {
  const { t, heard } = listener()
  process.env['DACAPO_RUNS'] = '3'
  await check(
    t,
    fc.asyncProperty(fc.nat(), async () => {}),
    { forMs: -1 },
  )
  assert.match(heard[0]!, /, 3 runs: /)
})

test('when the time is over no run begins but the first, and a counterexample is still made smaller', async () => {
  const { t, heard } = listener()
  await check(
    t,
    fc.asyncProperty(fc.nat(), async () => {}),
    { forMs: -1 },
  )
  assert.match(heard[0]!, /, 1 runs: /)
  const never = fc.asyncProperty(fc.integer({ min: 50, max: 99 }), async () => assert.fail('never'))
  await assert.rejects(check(t, never, { forMs: -1 }), /\n50\n/)
})
