/** What was acknowledged, and what the file says: each command exactly once, with the outcome that was told. */
import { DatabaseSync } from 'node:sqlite'
import type { Acknowledgement } from './acknowledgements.ts'
import { some } from './some.ts'

/** A remembered outcome, as far as it tells how many events there must be. */
interface Kept {
  readonly kind: 'accepted' | 'empty' | 'rejected' | 'forbidden' | 'returned'
  readonly code?: string
  readonly value?: number
}

/** Reads the tables themselves, so that no part of the store vouches for itself. */
export function checkAcknowledgements(db: string, acknowledged: readonly Acknowledgement[]) {
  using file = new DatabaseSync(db, { readOnly: true })
  const kept = new Map<string, Kept>()
  for (const { key, outcome } of file.prepare('SELECT key, outcome FROM dacapo_idempotency').iterate())
    kept.set(String(key), JSON.parse(String(outcome)))
  const events = new Map<string, number>()
  const carriesKey = "coalesce(data ->> 'transferId', data ->> 'owner', data ->> 'reason')"
  for (const { key, count } of file.prepare(`SELECT ${carriesKey} AS key, count(*) AS count FROM dacapo_events GROUP BY 1`).iterate())
    events.set(String(key), Number(count))

  const lost = acknowledged.filter(({ key }) => !kept.has(key)).map(({ key }) => key)
  const other = acknowledged.filter(({ key, answer }) => kept.has(key) && !agrees(answer, kept.get(key)!)).map(({ key }) => key)
  const twice: string[] = []
  const missing: string[] = []
  for (const [key, outcome] of kept) {
    const [found, expected] = [events.get(key) ?? 0, eventsOf(outcome)]
    if (found > expected) twice.push(key)
    if (found < expected) missing.push(key)
  }
  const strange = [...events.keys()].filter((key) => !kept.has(key))
  const problems = [
    some(lost, 'acknowledged commands are lost'),
    some(other, 'commands were answered otherwise than the file says'),
    some(twice, 'commands have more events than they led to'),
    some(missing, 'settled commands lack events'),
    some(strange, 'commands have events, but no outcome'),
  ]
  return { lost: lost.length, problems: problems.filter((problem) => problem !== undefined) }
}

/** How many events a command with this outcome has led to. */
function eventsOf({ kind, value = 0 }: Kept): number {
  return kind === 'accepted' ? 1 : kind === 'returned' ? value : 0
}

function agrees(answer: Acknowledgement['answer'], kept: Kept): boolean {
  if (answer.kind === 'accepted') return ['accepted', 'empty', 'returned'].includes(kept.kind) && answer.events === eventsOf(kept)
  if (answer.kind === 'rejected') return answer.code === (kept.kind === 'forbidden' ? 'Forbidden' : kept.code)
  return answer.kind !== 'invalid' // a copy was answered, or nothing was said yet
}
