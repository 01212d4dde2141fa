/** Everything that can be wrong with a file after its writers were killed. */
import type { Acknowledgement } from './acknowledgements.ts'
import { checkAcknowledgements } from './check-acknowledgements.ts'
import { checkLog } from './check-log.ts'
import { checkViews } from './check-views.ts'
import type { LiveReader } from './live-reader.ts'

export interface Check {
  readonly events: number
  /** Acknowledged commands that are not there. */
  readonly lost: number
  readonly problems: readonly string[]
}

/** Nobody may write meanwhile. A file that cannot even be read is a problem like any other. */
export async function checkFile(db: string, acknowledged: readonly Acknowledgement[], reader: LiveReader): Promise<Check> {
  const problems: string[] = []
  let events = 0
  let lost = 0
  try {
    const log = checkLog(db)
    events = log.events
    problems.push(...log.problems)
    const answers = checkAcknowledgements(db, acknowledged)
    lost = answers.lost
    problems.push(...answers.problems)
    reader.read()
    problems.push(...reader.check())
    problems.push(...(await checkViews(db)))
  } catch (error) {
    problems.push(`the check came to no end: ${(error as Error).message}`)
  }
  return { events, lost, problems }
}
