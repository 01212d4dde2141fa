/** The committed results: their shape, and that README's table and picture are what the report makes of them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { chartOf } from '../../bench/report/chart.ts'
import { newestResults } from '../../bench/report/newest-results.ts'
import { withTable } from '../../bench/report/readme-table.ts'
import { storeNames } from '../../bench/systems/system.ts'
import { workloads } from '../../bench/workloads/all.ts'
import { repository } from './docs-pages.ts'

const results = newestResults() ?? []
const skip = results.length === 0 && 'bench/results has no run of this version yet'
const read = (path: string) => readFileSync(join(repository, path), 'utf8')

const hasRow = (store: string, workload: string) => results.some((one) => one.store === store && one.workload === workload)

test('the newest results are of a full run: every workload on every store; those that have to be named may be there', { skip }, () => {
  const expected = storeNames.flatMap((store) =>
    workloads
      .filter(({ name, stores, onDemand }) => stores.includes(store) && (!onDemand || hasRow(store, name)))
      .map(({ name }) => `${store} ${name}`),
  )
  assert.deepEqual(
    results.map(({ store, workload }) => `${store} ${workload}`),
    expected,
  )
})

const durabilities = { memory: 'none', sqlite: 'synchronous=2', postgres: 'fsync=on synchronous_commit=on' }

test('each result has its figures, its ratios and its circumstances', { skip }, () => {
  for (const result of results) {
    const { store, workload, unit, dacapo, raw, note, machine, date } = result
    const about = JSON.stringify(result)
    assert.deepEqual(Object.keys(result), [
      ...['store', 'workload', 'unit', 'dacapo', 'emmett', 'raw', 'vsEmmett', 'vsRaw', 'note'],
      ...['act', 'vsAct', 'machine', 'date'],
    ])
    const definition = workloads.find(({ name }) => name === workload)
    const hasFloor = definition?.systems.includes('raw') ?? true
    assert.equal(unit, definition?.unit, about)
    assert.ok(dacapo !== null && dacapo > 0 && (hasFloor ? raw !== null && raw > 0 : raw === null), about)
    for (const [figure, ratio] of [
      [result.emmett, result.vsEmmett],
      [result.act, result.vsAct],
      [raw, result.vsRaw],
    ] as const) {
      const expected = figure === null ? null : definition?.better === 'smaller' ? figure / dacapo : dacapo / figure
      if (expected === null) assert.equal(ratio, null, about)
      else assert.ok(ratio !== null && Math.abs(ratio / expected - 1) < 0.02, about)
    }
    const durability = durabilities[store]
    assert.ok(note.includes(`dacapo ${durability}`) && (!hasFloor || note.includes(`raw ${durability}`)), about)
    assert.doesNotMatch(note, /a quick run/)
    assert.match(machine, /^\d+ cores of .+, Node \d+\.\d+\.\d+$/)
    assert.match(date, /^\d{4}-\d\d-\d\d$/)
  }
})

test('README’s table is what `npm run bench:report` makes of them', { skip }, () => {
  assert.equal(read('README.md'), withTable(read('README.md'), results))
})

test('README’s picture is what `npm run bench:report` makes of them', { skip }, () => {
  assert.equal(read('docs/images/bench.svg'), chartOf(results))
})
