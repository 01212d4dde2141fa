/** A process that appends at random to streams which others append to as well, and says what was acknowledged. */
import { postgres } from '../../../src/stores/postgres/index.ts'
import { deposit } from './requests.ts'

export interface Orders {
  readonly url: string
  readonly schema: string
  readonly batches: number
}

/** What a process has been told. */
export interface Report {
  /** Ids of events, in the order of their versions, by stream and first version. */
  readonly appended: readonly (readonly [stream: string, first: number, ids: readonly string[]])[]
  readonly refused: number
  /** Errors other than a conflict. */
  readonly errors: readonly string[]
}

const streams = 100
const atOnce = 64

const { url, schema, batches }: Orders = JSON.parse(process.argv[2]!)
const store = postgres(url, { schema, maxConnections: 4 })
const report = { appended: [] as Report['appended'][number][], refused: 0, errors: [] as string[] }
const seen = new Map<string, number>()
const int = (below: number) => Math.floor(Math.random() * below)

let left = batches
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    while (left-- > 0) await appendSome()
  }),
)
await store.close()
process.send!(report satisfies Report, () => process.disconnect())

/** One to three streams; some at a version that may be outdated, some together or not at all. */
async function appendSome(): Promise<void> {
  const names = [...new Set(Array.from({ length: 1 + int(3) }, () => `account-${int(streams)}`))]
  const together = int(60) === 0 ? { atomicGroup: 'together' } : {}
  const requests = names.map((name) =>
    deposit(name, 1 + int(3), { ...together, expectedVersion: int(10) === 0 ? (seen.get(name) ?? 0) : 'any' }),
  )
  try {
    const results = await store.append(requests)
    results.forEach((result, i) => {
      const { stream, events } = requests[i]!
      if (result.kind === 'appended') {
        report.appended.push([stream, result.version - events.length + 1, events.map(({ id }) => id)])
        seen.set(stream, Math.max(seen.get(stream) ?? 0, result.version))
      } else if (result.kind === 'refused' && result.error.code === 'ES_CONCURRENCY') {
        report.refused++
        seen.set(stream, (result.error as { actual?: number }).actual ?? 0)
      } else report.errors.push(result.kind === 'refused' ? result.error.message : result.kind)
    })
  } catch (error) {
    report.errors.push(String(error))
  }
}
