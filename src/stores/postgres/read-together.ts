/** The beginnings of several streams, and their newest snapshots, in one statement each: many commands load at the same time. */
import type { StoredSnapshot } from '../../core/snapshot-store.ts'
import { columnsInStream } from '../sql/event-rows.ts'
import { gather } from './gather.ts'
import { type Row, rowsOf, type Use } from './pg.ts'

/** A part of a stream, forwards. */
export interface StreamQuestion {
  readonly tenant: string
  readonly stream: string
  readonly after: number
  readonly to: number
  readonly size: number
}

/** The newest snapshot of a build, up to a version. */
export interface SnapshotQuestion {
  readonly tenant: string
  readonly stream: string
  readonly fingerprint: string
  readonly to: number
}

/** Reads that share statements with whoever reads at the same time. */
export interface ReadTogether {
  /** Rows in the order of their versions. `isCut`: there may be more, although they are fewer than were asked for. */
  rows(question: StreamQuestion): Promise<{ readonly rows: readonly Row[]; readonly isCut: boolean }>
  latest(question: SnapshotQuestion): Promise<StoredSnapshot | undefined>
}

/** A page of one stream: tenant, stream, after, to, size. */
export const streamPage = (schema: string, order: 'ASC' | 'DESC' = 'ASC'): string => `SELECT ${columnsInStream} FROM ${schema}.events e
  WHERE tenant = $1 AND stream = $2 AND version > $3 AND version <= $4 ORDER BY version ${order} LIMIT $5`

/** How many ask together, and how many rows each of them gets then. */
const most = 64
const rowsEach = 200

/**
 * Not prepared: the server would keep the plan of a table that was still empty.
 */
export function readTogether(schema: string, read: Use): ReadTogether {
  const alone = streamPage(schema)
  const together = `SELECT r.n, e.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY AS r(tenant, stream, after, upto, size, n)
    CROSS JOIN LATERAL (
      SELECT ${columnsInStream} FROM ${schema}.events e
      WHERE e.tenant = r.tenant AND e.stream = r.stream AND e.version > r.after AND e.version <= r.upto ORDER BY e.version LIMIT r.size
    ) AS e ORDER BY r.n, e.version`
  const snapshots = `SELECT r.n, s.* FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS r(tenant, stream, fingerprint, upto, n)
    CROSS JOIN LATERAL (
      SELECT s.version, s.fingerprint, s.body, s.taken_at FROM ${schema}.snapshots s
      WHERE s.tenant = r.tenant AND s.stream = r.stream AND s.fingerprint = r.fingerprint AND s.version <= r.upto ORDER BY s.version DESC LIMIT 1
    ) AS s`

  async function streams(questions: readonly StreamQuestion[]): ReturnType<typeof answersOf> {
    const [only] = questions
    if (only && questions.length === 1) {
      const { tenant, stream, after, to, size } = only
      const rows = await read((client) => rowsOf(client, alone, [tenant, stream, after, to, size]))
      return [{ rows, isCut: false }]
    }
    const columns = [
      questions.map(({ tenant }) => tenant),
      questions.map(({ stream }) => stream),
      questions.map(({ after }) => after),
      questions.map(({ to }) => to),
      questions.map(({ size }) => Math.min(size, rowsEach)),
    ]
    return answersOf(questions, await read((client) => rowsOf(client, together, columns)))
  }

  return {
    rows: gather(streams, most),
    latest: gather(async (questions: readonly SnapshotQuestion[]) => {
      const columns = [
        questions.map(({ tenant }) => tenant),
        questions.map(({ stream }) => stream),
        questions.map(({ fingerprint }) => fingerprint),
        questions.map(({ to }) => to),
      ]
      const rows = await read((client) => rowsOf(client, snapshots, columns))
      const found: (StoredSnapshot | undefined)[] = questions.map(() => undefined)
      for (const [n, version, fingerprint, body, takenAt] of rows as readonly SnapshotRow[])
        found[n - 1] = { version, fingerprint, body, takenAt }
      return found
    }, most),
  }
}

type SnapshotRow = readonly [n: number, version: number, fingerprint: string, body: string, takenAt: number]

/** Hands out the rows, whose first column says whose they are. */
async function answersOf(
  questions: readonly StreamQuestion[],
  all: readonly Row[],
): Promise<readonly { readonly rows: readonly Row[]; readonly isCut: boolean }[]> {
  const found: Row[][] = questions.map(() => [])
  for (const row of all) found[(row[0] as number) - 1]?.push(row.slice(1))
  return found.map((rows, i) => ({ rows, isCut: rows.length === rowsEach && rowsEach < (questions[i] as StreamQuestion).size }))
}
