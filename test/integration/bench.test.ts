/** The bench on a small scale, without its peers: that it works, not how fast anything is. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Result } from '../../bench/result.ts'

const folder = mkdtempSync(join(tmpdir(), 'dacapo-bench-test-'))
after(() => rmSync(folder, { recursive: true }))

const main = join(import.meta.dirname, '../../bench/main.ts')
const bench = (...args: string[]) =>
  spawnSync(process.execPath, [main, '--quick', '--rounds', '1', '--without-peers', ...args], { encoding: 'utf8' })

for (const [store, durability] of [
  ['memory', 'none'],
  ['sqlite', 'synchronous=2'],
] as const) {
  test(`a small run on ${store} measures Dacapo beside the bare driver, which are equally durable`, () => {
    const json = join(folder, `${store}.json`)
    const { status, stdout, stderr } = bench('--store', store, '--workload', 'hot-stream', '--json', json)
    assert.equal(status, 0, stderr)
    assert.match(stdout, new RegExp(`^${store} +hot-stream +commands/s +[\\d,.]+ +– +[\\d,.]+ +– +[\\d,.]+×`, 'm'))
    const [result, ...more] = JSON.parse(readFileSync(json, 'utf8')) as Result[]
    assert.deepEqual(more, [])
    assert.ok(result && (result.dacapo ?? 0) > 0 && (result.raw ?? 0) > 0)
    assert.deepEqual([result.emmett, result.act, result.vsEmmett, result.vsAct], [null, null, null, null])
    assert.match(result.note, new RegExp(`^dacapo ${durability}, raw ${durability};`))
  })
}

test('what the bench does not know is refused, with its help', () => {
  const { status, stderr } = bench('--workload', 'append-1', '--workload', 'append-65')
  assert.equal(status, 1)
  assert.match(stderr, /^There is no workload append-65\.\n\nnpm run bench -- \[options\]/)
})
