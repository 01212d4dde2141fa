/**
 * The contract of read models: what the rows of a projection rely on wherever they are kept, as data, for any test runner.
 *
 * @example
 * import { test } from 'node:test'
 * await runReadModelContract({ name: 'my model', open: () => ({ model: myModel() }) }, { test, skip: console.log })
 */
import type { MaybePromise } from '../core/command.ts'
import type { ReadModel, ReadModelWrite } from '../core/read-model.ts'
import { expectEqual } from './contract/expect.ts'

/** One sentence that must be true of every read model, and the proof. */
export interface ReadModelCase {
  readonly name: string
  /** It opens the same data once more, so it is skipped where there is no `reopen`. */
  readonly needsReopen?: true
  /** @param again  the same data, as another process would open it. */
  run(model: ReadModel, again: () => MaybePromise<ReadModel>): Promise<void>
}

/** The model that is to keep the contract. */
export interface ReadModelSubject {
  readonly name: string
  /** Opens a model that holds nothing. */
  open(): MaybePromise<OpenedReadModel>
}

/** A model for one case. */
export interface OpenedReadModel {
  readonly model: ReadModel
  /** Opens the same data as another process would; absent where no other can. */
  reopen?(): MaybePromise<ReadModel>
  /** Removes what the case leaves behind. */
  cleanUp?(): MaybePromise<void>
}

const text = (value: unknown): string => JSON.stringify(value)
const row = (key: string, position: number, value: unknown = { position }): ReadModelWrite => {
  return { tenant: '', key, position, row: value === null ? null : text(value) }
}
const at = (position: number, share = '0-63') => ({ share, position })

/** Every case. */
export const readModelContract: readonly ReadModelCase[] = [
  {
    name: 'a row that was never written is not there, and neither is a checkpoint',
    async run(model) {
      expectEqual(await model.get('v', '', 'a'), undefined, 'the row')
      expectEqual(await model.checkpoints('v'), {}, 'the checkpoints')
    },
  },
  {
    name: 'a row is kept as it is, with its position, as soon as it is written',
    async run(model) {
      const value = { text: 'Zoë 🎵 "quoted"\n\u0000', empty: {}, list: [1, null, -0.5], nested: { a: { b: [] } } }
      await model.write('v', { rows: [row('a', 7, value)], checkpoint: at(9) })
      expectEqual(await model.get('v', '', 'a'), { row: text(value), position: 7 }, 'the row')
      expectEqual(await model.checkpoints('v'), { '0-63': 9 }, 'the checkpoints')
    },
  },
  {
    name: 'a newer row replaces the one that is there, also where the newer position has more digits',
    async run(model) {
      for (const position of [9, 10, 2 ** 32 + 5]) {
        await model.write('v', { rows: [row('a', position)], checkpoint: at(position) })
        expectEqual(await model.get('v', '', 'a'), { row: text({ position }), position }, `the row at ${position}`)
      }
    },
  },
  {
    name: 'a row of the same position, or of an older one, changes nothing',
    async run(model) {
      await model.write('v', { rows: [row('a', 10, 'kept')], checkpoint: at(10) })
      for (const late of [row('a', 10, 'again'), row('a', 9, 'older'), row('a', 2, null)]) {
        await model.write('v', { rows: [late], checkpoint: at(10) })
        expectEqual(await model.get('v', '', 'a'), { row: text('kept'), position: 10 }, `the row after one of position ${late.position}`)
      }
    },
  },
  {
    name: 'a deleted row leaves its position behind, and only a newer one takes its place',
    async run(model) {
      await model.write('v', { rows: [row('a', 3)], checkpoint: at(3) })
      await model.write('v', { rows: [row('a', 5, null)], checkpoint: at(5) })
      expectEqual(await model.get('v', '', 'a'), { row: null, position: 5 }, 'the deleted row')
      await model.write('v', { rows: [row('a', 4, 'late')], checkpoint: at(5) })
      expectEqual(await model.get('v', '', 'a'), { row: null, position: 5 }, 'the deleted row after a late one')
      await model.write('v', { rows: [row('a', 6, 'new')], checkpoint: at(6) })
      expectEqual(await model.get('v', '', 'a'), { row: text('new'), position: 6 }, 'the row that was made again')
    },
  },
  {
    name: 'of a batch, what is outdated is left out and everything else is written',
    async run(model) {
      await model.write('v', { rows: [row('b', 8, 'kept')], checkpoint: at(8) })
      await model.write('v', { rows: [row('a', 5), row('b', 5), row('c', 5)], checkpoint: at(9) })
      const found = await Promise.all(['a', 'b', 'c'].map(async (key) => (await model.get('v', '', key))?.position))
      expectEqual(found, [5, 8, 5], 'the positions')
      expectEqual(await model.checkpoints('v'), { '0-63': 9 }, 'the checkpoints')
    },
  },
  {
    name: 'of writes at the same time the newest row stays',
    async run(model) {
      const positions = [5, 3, 9, 1, 7, 8, 2, 6, 4]
      await Promise.all(positions.map(async (position) => model.write('v', { rows: [row('a', position)], checkpoint: at(position) })))
      expectEqual((await model.get('v', '', 'a'))?.position, 9, 'the position of the row')
    },
  },
  {
    name: 'rows of other views, tenants and keys are others, whatever characters are in their names',
    async run(model) {
      const names = [
        ['v', '', 'a'],
        ['w', '', 'a'],
        ['v', 't', 'a'],
        ['v', '', 'A'],
        ['v', 't', ''],
        ['v', 't:a', 'b'],
        ['v', 't', 'a:b'],
        ['v', '', '["t","a"]'],
        ['v', 't', 'a b/ä\u0000*?{}'],
      ] as const
      for (const [i, [view, tenant, key]] of names.entries()) {
        await model.write(view, { rows: [{ ...row(key, i + 1, i), tenant }], checkpoint: at(i + 1) })
      }
      const found = await Promise.all(names.map(async ([view, tenant, key]) => (await model.get(view, tenant, key))?.row))
      expectEqual(
        found,
        names.map((_, i) => text(i)),
        'the rows',
      )
    },
  },
  {
    name: 'a checkpoint is kept for each share of each view; a batch need have no rows',
    async run(model) {
      await model.write('v', { rows: [], checkpoint: at(4, '0-31') })
      await model.write('v', { rows: [], checkpoint: at(10, '32-63') })
      await model.write('w', { rows: [], checkpoint: at(2) })
      await model.write('v', { rows: [], checkpoint: at(6, '0-31') })
      expectEqual(await model.checkpoints('v'), { '0-31': 6, '32-63': 10 }, 'the checkpoints of one view')
      expectEqual(await model.checkpoints('w'), { '0-63': 2 }, 'the checkpoints of the other view')
    },
  },
  {
    name: 'a thousand rows are written at once',
    async run(model) {
      const rows = Array.from({ length: 1000 }, (_, i) => row(`k${i}`, i + 1))
      await model.write('v', { rows, checkpoint: at(1000) })
      const found = await Promise.all(rows.map(async ({ key }) => (await model.get('v', '', key))?.position))
      expectEqual(
        found,
        rows.map(({ position }) => position),
        'the positions',
      )
    },
  },
  {
    name: 'what was written is there for another process',
    needsReopen: true,
    async run(model, again) {
      await model.write('v', { rows: [row('a', 3), row('b', 4, null)], checkpoint: at(5) })
      const other = await again()
      expectEqual(await other.get('v', '', 'a'), { row: text({ position: 3 }), position: 3 }, 'the row')
      expectEqual(await other.get('v', '', 'b'), { row: null, position: 4 }, 'the deleted row')
      expectEqual(await other.checkpoints('v'), { '0-63': 5 }, 'the checkpoints')
    },
  },
]

/** Runs one case on a model of its own. @throws ContractViolation */
export async function runReadModelCase(subject: ReadModelSubject, one: ReadModelCase): Promise<void> {
  const { model, reopen, cleanUp } = await subject.open()
  try {
    if (one.needsReopen && !reopen) throw new Error(`${subject.name} cannot be reopened, so it cannot show that ${one.name}.`)
    await one.run(model, reopen ?? (() => model))
  } finally {
    await cleanUp?.()
  }
}

/** What the contract needs of a test runner; the one of Node fits as it is. */
export interface ReadModelRunner {
  test(name: string, run: () => Promise<void>): unknown
  /** Told each case that does not run, with the reason. */
  skip(sentence: string): void
}

/**
 * Registers every case with a test runner.
 *
 * Opens a model beforehand to learn whether it can be reopened; so await it before the runner starts.
 */
export async function runReadModelContract(
  subject: ReadModelSubject,
  { test, skip }: ReadModelRunner,
  cases = readModelContract,
): Promise<void> {
  const { reopen, cleanUp } = await subject.open()
  await cleanUp?.()
  for (const one of cases) {
    const name = `${subject.name}: ${one.name}`
    if (one.needsReopen && !reopen) skip(`${name} — skipped: no \`reopen\` was given`)
    else test(name, () => runReadModelCase(subject, one))
  }
}
