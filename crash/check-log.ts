/** The log by itself: SQLite finds the file sound, versions have no gaps, positions and times go up. */
import { DatabaseSync } from 'node:sqlite'
import { some } from './some.ts'

export function checkLog(db: string): { readonly events: number; readonly problems: readonly string[] } {
  using file = new DatabaseSync(db) // not read-only: integrity_check then leaves out the constraints
  const names = (query: string) =>
    file
      .prepare(query)
      .all()
      .map((row) => Object.values(row).join(' '))
  const sound = names('PRAGMA integrity_check')
  const events = Number(file.prepare('SELECT count(*) AS count FROM dacapo_events').get()?.count)
  const problems = [
    sound.join() === 'ok' ? undefined : some(sound, 'complaints of PRAGMA integrity_check'),
    some(names('SELECT id FROM dacapo_events GROUP BY id HAVING count(*) > 1'), 'event ids are there more than once'),
    some(names(gapsInVersions), 'events do not follow the version before theirs'),
    some(names(wrongOrder), 'events do not come after the one before them'),
  ]
  return { events, problems: problems.filter((problem) => problem !== undefined) }
}

/** In the order of positions, the versions of a stream are 1, 2, 3 … */
const gapsInVersions = `
  SELECT stream, version FROM (
    SELECT stream, version, row_number() OVER (PARTITION BY stream ORDER BY position) AS expected FROM dacapo_events
  ) WHERE version <> expected`

/** Nothing is ever deleted, so that this store has no gaps in its positions either. */
const wrongOrder = `
  SELECT position FROM (
    SELECT position, recorded_at, lag(position, 1, 0) OVER log AS before, lag(recorded_at, 1, 0) OVER log AS earlier
    FROM dacapo_events WINDOW log AS (ORDER BY position)
  ) WHERE position <> before + 1 OR recorded_at < earlier`
