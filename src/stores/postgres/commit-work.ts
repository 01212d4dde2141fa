/**
 * Commits work: what waits when the last commit has ended goes into the next one, in one round trip and without a timer.
 *
 * The function writes all of it, or nothing and names who cannot be written; the others go on without those. What the server itself
 * refuses, it refuses without a name: then each goes alone. Work with statements of the user's own, or with a switch of views, goes alone
 * in any case, in a transaction of its own.
 */
import { DacapoError, LeaseLostError, RecordConflictError } from '../../core/errors.ts'
import { keptUnder } from '../../core/view-store.ts'
import type { Work, WorkResult, WorkStore } from '../../core/work-store.ts'
import { statementFailure } from '../sql/statement-failure.ts'
import { commit } from './commit.ts'
import { isConstraint, isPassing, isRefusal, storeError } from './driver-errors.ts'
import { firstOf, type PgClient, rowsOf, type Use } from './pg.ts'
import { runStatement } from './run-statement.ts'
import { switchView } from './views.ts'

interface Waiting {
  readonly work: Work
  readonly resolve: (result: WorkResult) => void
  readonly reject: (error: unknown) => void
}

/** Bounds on one commit, so that it takes no longer than others can wait. */
const most = { works: 1000, writes: 10_000 } as const

/** @param use  lends a connection. */
export function workCommits(schema: string, use: Use): WorkStore['commit'] {
  const queue: Waiting[] = []
  let flushing = false

  async function flush(): Promise<void> {
    flushing = true
    while (queue.length > 0) {
      const batch = takeBatch(queue)
      try {
        await use((client) => write(client, batch))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    flushing = false
  }

  async function write(client: PgClient, batch: readonly Waiting[]): Promise<void> {
    const [first] = batch
    if (first && goesAlone(first.work)) {
      first.resolve(await commitAlone(client, schema, first.work))
      return
    }
    let left = batch
    while (left.length > 0) {
      const works = left.map(({ work }) => work)
      const refusals = await commitTogether(client, schema, works).catch((error) => {
        if (left.length === 1 || !isRefusal(error) || isPassing(error)) throw error
      })
      if (!refusals) return writeEach(client, left)
      if (refusals.size === 0) {
        for (const { resolve } of left) resolve({ kind: 'done' })
        return
      }
      for (const [i, error] of refusals) left[i]?.resolve({ kind: 'refused', error })
      left = left.filter((_, i) => !refusals.has(i))
    }
  }

  /** Something in one of them is nothing that the server takes: the others have nothing to do with it. */
  async function writeEach(client: PgClient, batch: readonly Waiting[]): Promise<void> {
    for (const one of batch) await write(client, [one]).catch((error) => one.reject(storeError(error)))
  }

  return (works) =>
    Promise.all(
      works.map(
        (work) =>
          new Promise<WorkResult>((resolve, reject) => {
            queue.push({ work, resolve, reject })
            if (!flushing) void flush()
          }),
      ),
    )
}

const goesAlone = ({ statements = [], switches = [] }: Work): boolean => statements.length + switches.length > 0

/** From the front of the queue: what fits into one commit and names nothing twice. */
function takeBatch(queue: Waiting[]): readonly Waiting[] {
  const names = new Set<string>()
  let count = 0
  for (const { work } of queue) {
    if (count > 0 && (goesAlone(work) || count >= most.works || names.size >= most.writes)) break
    const own = namesOf(work)
    if (own.some((name) => names.has(name))) break
    for (const name of own) names.add(name)
    count++
    if (goesAlone(work)) break
  }
  return queue.splice(0, count)
}

const namesOf = ({ steps = [], records = [], rows = [] }: Work): readonly string[] => [
  ...steps.map(({ subscription, part }) => `p ${subscription} ${part}`),
  ...records.map(({ kind, owner, tenant, key }) => `r ${kind} ${owner} ${tenant}\n${key}`),
  ...rows.map(({ tenant, view, key, generation = 0 }) => `v ${keptUnder(view, generation)} ${tenant}\n${key}`),
]

/** The refusals by the number of their work; with any, nothing was written. */
async function commitTogether(client: PgClient, schema: string, works: readonly Work[]): Promise<ReadonlyMap<number, DacapoError>> {
  const steps = works.flatMap((work, i) => (work.steps ?? []).map((step) => ({ ...step, work: i + 1 })))
  const records = works.flatMap((work, i) => (work.records ?? []).map((record) => ({ ...record, work: i + 1 })))
  const rows = works.flatMap((work) => work.rows ?? [])
  const columns = [
    steps.map(({ subscription }) => subscription),
    steps.map(({ part }) => part),
    steps.map(({ epoch }) => epoch),
    steps.map(({ position }) => position ?? null),
    steps.map(({ state }) => state ?? null),
    steps.map(({ work }) => work),
    records.map(({ kind }) => kind),
    records.map(({ owner }) => owner),
    records.map(({ tenant }) => tenant),
    records.map(({ key }) => key),
    records.map(({ slot }) => slot),
    records.map(({ status }) => status),
    records.map(({ dueAt }) => dueAt),
    records.map(({ body }) => body),
    records.map(({ expectedRevision }) => expectedRevision ?? null),
    records.map(({ work }) => work),
    rows.map(({ tenant }) => tenant),
    rows.map(({ view, generation = 0 }) => keptUnder(view, generation)),
    rows.map(({ key }) => key),
    rows.map(({ row }) => row),
  ]
  const parameters = columns.map((_, i) => `$${i + 1}`).join(', ')
  const answer = await firstOf(
    client,
    `SELECT array_to_json(lost), array_to_json(changed) FROM ${schema}.commit_work(${parameters})`,
    columns,
  )
  const [lost, changed] = (answer ?? []).map((numbers) => new Set<number>(JSON.parse((numbers as string | null) ?? '[]')))
  return refusalsOf(works, lost, changed)
}

function refusalsOf(works: readonly Work[], lost = new Set<number>(), changed = new Set<number>()): ReadonlyMap<number, DacapoError> {
  const refusals = new Map<number, DacapoError>()
  works.forEach(({ steps = [], records = [] }, i) => {
    const [step] = steps
    const record = records.find(({ expectedRevision }) => expectedRevision !== undefined)
    if (step && lost.has(i + 1)) refusals.set(i, new LeaseLostError(step.subscription, step.part))
    else if (record && changed.has(i + 1)) refusals.set(i, new RecordConflictError(record.kind, record.key))
  })
  return refusals
}

/** In a transaction that is open over several round trips, so it goes alone. */
async function commitAlone(client: PgClient, schema: string, work: Work): Promise<WorkResult> {
  await rowsOf(client, 'BEGIN ISOLATION LEVEL READ COMMITTED')
  try {
    const [refusal] = (await commitTogether(client, schema, [work])).values()
    if (!refusal) {
      for (const one of work.switches ?? []) await switchView(client, schema, one)
      await runStatements(client, work)
    }
    if (refusal) await rowsOf(client, 'ROLLBACK')
    else await commit(client)
    return refusal ? { kind: 'refused', error: refusal } : { kind: 'done' }
  } catch (error) {
    await rowsOf(client, 'ROLLBACK').catch(() => {}) // a connection that is gone has rolled back by itself, and is not used again
    if (DacapoError.is(error)) return { kind: 'refused', error }
    if (isConstraint(error)) return { kind: 'refused', error: statementFailure(work.statements?.at(-1), error) } // checked at the end only
    throw storeError(error)
  }
}

async function runStatements(client: PgClient, { statements = [] }: Work): Promise<void> {
  for (const statement of statements) {
    try {
      await runStatement(client, statement)
    } catch (error) {
      if (!DacapoError.is(error) && (!isRefusal(error) || isPassing(error))) throw error
      throw statementFailure(statement, error)
    }
  }
}
