/** A campaign: writers on one file, killed at random moments and started again; then everything in the file is checked. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { random } from '../examples/bank/make/random.ts'
import { checkFile } from './check-file.ts'
import { LiveReader } from './live-reader.ts'
import { Writer } from './writer.ts'

export interface Plan {
  /** How many kills. */
  readonly rounds: number
  readonly writers: number
  readonly seed: number
  /** The control: the writers acknowledge before they ask, and the check must find out. */
  readonly earlyAck?: boolean
  readonly signal?: AbortSignal
  readonly onRound?: (kills: number, acknowledged: number) => void
}

export interface Finding {
  readonly plan: Plan
  readonly kills: number
  /** Of those, how many hit a writer that had already been answered, so that it was in the middle of its work. */
  readonly killsAtWork: number
  readonly acknowledged: number
  readonly events: number
  /** Acknowledged commands that are not in the file. */
  readonly lost: number
  /** What is wrong; empty when nothing is. */
  readonly problems: readonly string[]
  readonly seconds: number
  /** Where the file is still to be found: when something is wrong that nobody has asked for. */
  readonly folder: string | undefined
}

/** A kill comes so long after the last one, at most: long enough for a start and some thousand commands. */
const longestLifeMs = 1000

export async function campaign(plan: Plan): Promise<Finding> {
  const { rounds, seed, earlyAck = false, signal, onRound } = plan
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  const folder = await mkdtemp(join(tmpdir(), 'dacapo-crash-'))
  const db = join(folder, 'bank.db')
  const { int, pick, chance } = random(seed)
  const writers = Array.from({ length: plan.writers }, (_, i) => new Writer(folder, { db, seed, writer: i + 1, earlyAck }))
  const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged.length, 0)
  const reader = new LiveReader(db)
  const problems: string[] = []
  let kills = 0

  try {
    for (const writer of writers) writer.start()
    while (kills < rounds && seconds() < secondsFor(rounds)) {
      await pause(int(1, longestLifeMs), undefined, { signal })
      // Only now and then, and not between a kill and a restart: the file is to be recovered by whoever writes next.
      if (chance(0.3)) reader.read()
      const writer = pick(writers)
      await writer.kill()
      writer.start()
      kills++
      onRound?.(kills, acknowledged())
    }
    await Promise.all(writers.map((writer) => writer.stop()))
  } catch (error) {
    await Promise.all(writers.map((writer) => writer.kill()))
    await rm(folder, { recursive: true })
    throw error
  }

  if (kills < rounds) problems.push(`only ${kills} of ${rounds} kills within ${secondsFor(rounds)} s`)
  const acknowledgements = writers.flatMap((writer) => writer.acknowledged)
  const check = await checkFile(db, acknowledgements, reader)
  problems.push(...writers.flatMap((writer) => writer.problems), ...check.problems)
  const killsAtWork = kills - writers.reduce((sum, writer) => sum + writer.killedEarly, 0)
  const kept = problems.length > 0 && !earlyAck
  if (!kept) await rm(folder, { recursive: true })
  return {
    plan,
    kills,
    killsAtWork,
    acknowledged: acknowledgements.length,
    events: check.events,
    lost: check.lost,
    problems,
    seconds: seconds(),
    folder: kept ? folder : undefined,
  }
}

/** A campaign ends by itself, also on a machine that is much too slow for it. */
function secondsFor(rounds: number): number {
  return 10 + rounds * 1.5
}
