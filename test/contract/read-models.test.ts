/** The contract of read models: a Map keeps it, and whatever is broken on purpose does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapModel } from '../../examples/read-model/map-model.ts'
import type { ReadModel, ReadModelWrite } from '../../src/core/read-model.ts'
import { ContractViolation } from '../../src/testing/contract/expect.ts'
import { readModelContract, runReadModelCase, runReadModelContract } from '../../src/testing/read-model-contract.ts'

const skipped: string[] = []
await runReadModelContract({ name: 'Map', open: () => ({ model: mapModel() }) }, { test, skip: (sentence) => void skipped.push(sentence) })

/** Writes other rows than those that it was given. */
const writing =
  (change: (rows: readonly ReadModelWrite[]) => readonly ReadModelWrite[]) =>
  (model: ReadModel): ReadModel => ({
    ...model,
    write: (view, { rows, checkpoint }) => model.write(view, { rows: change(rows), checkpoint }),
  })

/** A model that compares positions otherwise. */
function comparing(isNewer: (position: number, there: number) => boolean): ReadModel {
  const rows = new Map<string, { readonly row: string | null; readonly position: number }>()
  const rest = mapModel()
  return {
    ...rest,
    get: (view, tenant, key) => rows.get(JSON.stringify([view, tenant, key])),
    write(view, batch) {
      rest.write(view, batch)
      for (const { tenant, key, row, position } of batch.rows) {
        const id = JSON.stringify([view, tenant, key])
        const there = rows.get(id)
        if (!there || isNewer(position, there.position)) rows.set(id, { row, position })
      }
    },
  }
}

const flaws: readonly (readonly [sentence: string, noticedBy: RegExp, flaw: (model: ReadModel) => ReadModel])[] = [
  ['takes every row, however old', /changes nothing/, () => comparing(() => true)],
  ['takes a row of the same position', /changes nothing/, () => comparing((position, there) => position >= there)],
  ['compares positions as text', /more digits/, () => comparing((position, there) => `${position}` > `${there}`)],
  ['keeps the first row for ever', /newer row replaces/, () => comparing(() => false)],
  [
    'lets writes at the same time overtake each other',
    /at the same time/,
    (model) => {
      const kept = new Map<string, ReadModelWrite>()
      return {
        ...model,
        get: (_, __, key) => kept.get(key),
        async write(view, { rows }) {
          const newer = rows.filter(({ key, position }) => position > (kept.get(key)?.position ?? 0))
          await Promise.resolve()
          for (const one of newer) kept.set(one.key, one)
          await model.write(view, { rows: [], checkpoint: { share: '0-63', position: 1 } })
        },
      }
    },
  ],
  [
    'forgets deleted rows altogether',
    /deleted row leaves its position/,
    (model) => ({
      ...model,
      get: async (...name) => {
        const found = await model.get(...name)
        return found?.row === null ? undefined : found
      },
    }),
  ],
  ['mixes tenants up', /other views, tenants and keys/, writing((rows) => rows.map((one) => ({ ...one, tenant: '' })))],
  [
    'mixes views up',
    /other views, tenants and keys/,
    (model) => ({ ...model, get: (_, ...name) => model.get('', ...name), write: (_, batch) => model.write('', batch) }),
  ],
  [
    'joins names with a colon',
    /whatever characters/,
    (model) => {
      const joined = (tenant: string, key: string) => ['', `${tenant}:${key}`] as const
      return {
        ...writing((rows) => rows.map(({ tenant, key, ...one }) => ({ ...one, tenant: '', key: joined(tenant, key)[1] })))(model),
        get: (view, tenant, key) => model.get(view, ...joined(tenant, key)),
      }
    },
  ],
  ['drops the rest of a large batch', /thousand rows/, writing((rows) => rows.slice(0, 500))],
  ['gives a batch up that has an outdated row', /what is outdated is left out/, writing((rows) => (rows.length === 3 ? [] : rows))],
  ['keeps no checkpoints', /checkpoint is kept/, (model) => ({ ...model, checkpoints: () => ({}) })],
  [
    'keeps the checkpoint of one share only',
    /checkpoint is kept/,
    (model) => ({ ...model, checkpoints: async (view) => Object.fromEntries(Object.entries(await model.checkpoints(view)).slice(-1)) }),
  ],
  [
    'answers before it has written',
    /as soon as it is written/,
    (model) => ({
      ...model,
      write: (view, batch) => void setImmediate(() => model.write(view, batch)),
    }),
  ],
]

for (const [sentence, noticedBy, flaw] of flaws) {
  test(`a model that ${sentence} does not keep the contract`, async () => {
    const failed: string[] = []
    for (const one of readModelContract.filter(({ needsReopen }) => !needsReopen)) {
      try {
        await runReadModelCase({ name: 'broken', open: () => ({ model: flaw(mapModel()) }) }, one)
      } catch (error) {
        assert.ok(error instanceof ContractViolation, String(error))
        failed.push(one.name)
      }
    }
    assert.ok(
      failed.some((name) => noticedBy.test(name)),
      failed.join('; ') || 'nothing was noticed',
    )
  })
}

test('a model that another process finds empty does not keep the contract, and everything is cleaned up', async () => {
  let cleaned = 0
  const open = () => ({ model: mapModel(), reopen: mapModel, cleanUp: () => void cleaned++ })
  const failed: string[] = []
  for (const one of readModelContract) await runReadModelCase({ name: 'forgetful', open }, one).catch(() => failed.push(one.name))
  assert.deepEqual([failed, cleaned], [['what was written is there for another process'], readModelContract.length])
})

test('what needs another process is skipped where there is none, which is told, and cannot pass by itself', async () => {
  assert.deepEqual(skipped, ['Map: what was written is there for another process — skipped: no `reopen` was given'])
  const one = readModelContract.find(({ needsReopen }) => needsReopen)
  await assert.rejects(runReadModelCase({ name: 'Map', open: () => ({ model: mapModel() }) }, one!), /Map cannot be reopened/)
})
