/** What the built package costs those who bundle it and run it, against `budgets/budgets.ts`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { budgets } from '../../budgets/budgets.ts'
import { type Bundle, bundle, importedByAnApp } from '../../budgets/bundle.ts'
import { allocationsPerCommand, heapPerAggregate } from '../../budgets/memory.ts'
import manifest from '../../package.json' with { type: 'json' }

const entries = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json')

test('every entry of the package has a budget for its bundle', () => {
  assert.deepEqual(
    Object.keys(budgets.bundleBytes),
    entries.map((subpath) => join(manifest.name, subpath)),
  )
})

for (const [entry, budget] of Object.entries(budgets.bundleBytes)) {
  test(`the bundle of ${entry}, minified and gzipped, keeps its budget`, async (t) => keepsSmall(t, await bundle(entry), budget))
}

test('what an application ships of the root entry, minified and gzipped, keeps its budget', async (t) => {
  keepsSmall(t, await bundle(manifest.name, importedByAnApp), budgets.appBundleBytes)
})

test('the root entry imports no module of Node but those that ARCHITECTURE.md names', async () => {
  const architecture = readFileSync(join(import.meta.dirname, '../../ARCHITECTURE.md'), 'utf8')
  for (const name of (await bundle(manifest.name)).nodeModules) assert.ok(architecture.includes(`\`${name}\``), name)
})

test('a warm aggregate keeps its budget of heap, so does a hibernated one, and one that is gone leaves nothing', (t) => {
  const heap = heapPerAggregate()
  for (const state of ['warm', 'hibernated', 'gone'] as const) {
    keeps(t, `bytes of heap per aggregate that is ${state}`, heap[state], budgets.heapPerAggregate[state])
  }
})

for (const store of ['memory', 'sqlite'] as const) {
  test(`${store}: what a warm command allocates keeps its budget`, (t) => {
    const { bytes, objects, sites } = allocationsPerCommand(store)
    const budget = budgets.allocationsPerCommand[store]
    const most = sites.map(({ where, bytes }) => `${bytes} ${where}`).join('\n')
    keeps(t, `bytes per command on ${store}`, bytes, budget.bytes, most)
    keeps(t, `objects per command on ${store}`, objects, budget.objects, most)
  })
}

function keepsSmall(t: TestContext, { gzippedBytes, minifiedBytes, largest }: Bundle, budget: number): void {
  t.diagnostic(`${gzippedBytes} bytes, ${minifiedBytes} before gzip`)
  const files = largest.map(({ where, bytes }) => `${where} ${bytes}`).join(', ')
  assert.ok(gzippedBytes <= budget, `${gzippedBytes} bytes; the budget is ${budget}. Largest before gzip: ${files}`)
}

function keeps(t: TestContext, what: string, measured: number, budget: number, details = ''): void {
  t.diagnostic(`${what}: ${measured}`)
  assert.ok(measured <= budget, `${measured} ${what}; the budget is ${budget}.\n${details}`)
}
