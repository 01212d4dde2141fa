/** Stores whose work is broken on purpose: programs that let one of them pass prove nothing. */
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { EventStore } from '../../../src/core/event-store.ts'
import type { Work, WorkStore } from '../../../src/core/work-store.ts'
import { appends, type Flaw, firstViolation, underAnyLease } from '../flaws.ts'
import { programs } from '../programs.ts'
import { followSteps } from './follow-steps.ts'
import { runFollowProgram } from './run-follow-program.ts'

beforeEach((t) => void (t as { mock?: import('node:test').MockTracker }).mock?.method(console, 'error', () => {}))

const work = (change: (real: WorkStore) => Partial<WorkStore>): Flaw => {
  return (store) => ({ work: { ...store.work, ...change(store.work) } })
}
const commits = (change: (given: Work) => Work | Promise<Work>): Flaw => {
  return work((real) => ({ commit: async (works) => real.commit(await Promise.all(works.map(change))) }))
}
const ignoresLeases: Flaw = work((real) => {
  const commit = underAnyLease(real)
  const unchecked = ({ records = [], ...given }: Work): Work => ({
    ...given,
    records: records.map(({ expectedRevision: _, ...record }) => record),
  })
  return { commit: (works) => commit(works.map(unchecked)) }
})
const isOf = (kind: string) => (record: { readonly kind: string }) => record.kind === kind
const reads = (drop: (position: number) => boolean): Flaw => {
  return (store: EventStore) => ({
    async *readAll(options) {
      const isOfFollower = options?.pageSize !== undefined
      for await (const page of store.readAll(options)) {
        yield isOfFollower ? { ...page, events: page.events.filter(({ position }) => !drop(position)) } : page
      }
    },
  })
}

const flaws: readonly (readonly [sentence: string, flaw: Flaw])[] = [
  ['ignores leases', ignoresLeases],
  ['loses an event on the way to those who follow', reads((position) => position % 9 === 0)],
  [
    'writes positions, and now and then not what belongs to them',
    commits((given) => (given.rows?.length ? { ...given, rows: given.rows.slice(1) } : given)),
  ],
  ['writes rows without the position', commits(({ steps, ...given }) => (given.rows?.length ? given : { ...given, steps: steps ?? [] }))],
  [
    'forgets what instances of processes are about to do',
    commits((given) => ({ ...given, records: (given.records ?? []).filter((one) => !isOf('process')(one)) })),
  ],
  ['finds nothing of what it was to remember', work(() => ({ records: async () => [] }))],
  ['keeps no outcomes of commands', appends(({ idempotency: _, ...request }) => request)],
  [
    'gives a part to everybody who asks',
    work((real) => ({
      acquire: async (owner, leases) =>
        (await real.parts())
          .filter(({ part, subscription }) => leases.some((one) => one.part === part && one.subscription === subscription))
          .map((one) => ({ ...one, owner })),
    })),
  ],
]

for (const [sentence, flaw] of flaws) {
  test(`programs notice a store that ${sentence}`, async () => {
    const violation = await firstViolation(flaw, programs(followSteps, 25), runFollowProgram)
    assert.ok(violation instanceof assert.AssertionError, String(violation))
  })
}
