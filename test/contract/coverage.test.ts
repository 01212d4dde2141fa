/** What the contract itself must keep: a case for every line, each a sentence of its own, and no skip in silence. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memory } from '../../src/stores/memory/memory.ts'
import type { ContractCase } from '../../src/testing/contract/contract-case.ts'
import { runStoreContract, storeContract } from '../../src/testing/store-contract.ts'

/** The lines of the contract by part, from the first to the last. */
const parts: readonly (readonly [part: string, first: number, last: number])[] = [
  ['A', 1, 20],
  ['B', 21, 25],
  ['C', 26, 29], // 30 is about links, which there are none of
  ['D', 31, 40],
  ['E', 41, 48], // 49 is about decoding, which a store does not do
  ['J', 104, 106],
]

const lines = parts.flatMap(([part, first, last]) => Array.from({ length: last - first + 1 }, (_, i) => ({ part, line: first + i })))

for (const { part, line } of lines) {
  test(`line ${part}${line} of the contract has a case`, () => {
    assert.ok(storeContract.some((one) => one.lines.includes(line)))
  })
}

test('no case claims a line that the contract does not have', () => {
  const known = new Set(lines.map(({ line }) => line))
  assert.deepEqual(
    storeContract.filter((one) => one.lines.some((line) => !known.has(line))),
    [],
  )
})

test('the name of every case is a sentence, and no two are the same', () => {
  const names = storeContract.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  assert.deepEqual(
    names.filter((name) => name.split(' ').length < 6),
    [],
  )
})

test('the runner registers each case twice, or once for an empty store, and tells every skip with its reason', async () => {
  const [registered, skipped]: [string[], string[]] = [[], []]
  const cases: readonly ContractCase[] = [
    { name: 'runs', part: 'A', lines: [], run: async () => {} },
    { name: 'runs on an empty store', part: 'A', lines: [], needs: ['emptyStore'], run: async () => {} },
    { name: 'runs SQL', part: 'A', lines: [], needs: ['sql'], run: async () => {} },
    { name: 'breaks', part: 'A', lines: [], needs: ['transactions', 'breakNextCommit'], run: async () => {} },
    { name: 'holds', part: 'A', lines: [], needs: ['parallelTransactions'], run: async () => {} },
  ]
  const subject = { name: 'memory', open: () => ({ store: memory() }), singleWriter: true }
  await runStoreContract(subject, { test: (name) => registered.push(name), skip: (sentence) => skipped.push(sentence) }, cases)
  assert.deepEqual(registered, ['memory: runs', 'memory, with 1,000 other events: runs', 'memory: runs on an empty store'])
  assert.deepEqual(skipped, [
    'memory: runs SQL — skipped: the store lacks the capability `sql`',
    'memory: breaks — skipped: no `breakNextCommit` was given, so no commit can be made to fail',
    'memory: holds — skipped: the store has one writer at a time',
  ])
})
