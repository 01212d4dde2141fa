/** What observers are told of an instance: what is new on its timeline. */
import type { Signal } from '../../core/observer.ts'
import type { Engine } from '../engine.ts'
import type { Instance, TimelineEntry } from './instance.ts'

interface OfInstance {
  readonly process: string
  readonly tenant: string
  readonly instance: string
}

/** @param before  the instance as it was; `undefined`: it is new. */
export function tellChange(tell: NonNullable<Engine['tell']>, about: OfInstance, before: Instance | undefined, after: Instance): void {
  if (!before) tell({ signal: 'process.start', ...about })
  const last = before?.timeline.at(-1)
  for (const entry of after.timeline.slice(last ? after.timeline.lastIndexOf(last) + 1 : 0)) {
    const act = entry.act && acts[entry.what]
    if (act) tell({ signal: 'process.act', ...about, act, actor: entry.by, reason: entry.reason })
    const signal = signalOf(entry, about, before, after)
    if (signal) tell(signal)
  }
}

/** What somebody has done by hand, by the entry that says so. */
const acts: Partial<Record<TimelineEntry['what'], 'retry' | 'compensate' | 'close'>> = {
  retried: 'retry',
  compensating: 'compensate',
  closed: 'close',
}

function signalOf(
  { what, name = '', reason, at }: TimelineEntry,
  about: OfInstance,
  before: Instance | undefined,
  after: Instance,
): Signal | undefined {
  const command = { signal: 'process.command', ...about, command: name, undo: false, duplicate: false, reason: undefined } as const
  switch (what) {
    case 'sent':
    case 'undone':
      return { ...command, outcome: 'accepted', undo: what === 'undone', duplicate: reason !== undefined }
    case 'rejected':
      return { ...command, outcome: 'rejected', reason }
    case 'failed':
      // With no command under way it was the reaction to a timer.
      return before?.queue.length
        ? { ...command, outcome: 'failed', undo: before.queue[0]?.kind === 'undo', reason }
        : { signal: 'process.timer', ...about, timer: name, change: 'failed' }
    case 'timer set':
      return { signal: 'process.timer', ...about, timer: name, change: 'set' }
    case 'timer fired':
      return { signal: 'process.timer', ...about, timer: name, change: 'fired' }
    case 'timer cancelled':
      return { signal: 'process.timer', ...about, timer: name, change: 'cancelled' }
    case 'compensating':
      return { signal: 'process.compensate', ...about, commands: after.queue.filter(({ kind }) => kind === 'undo').length }
    case 'stuck':
      return { signal: 'process.stuck', ...about, name, reason: reason ?? '' }
    case 'completed':
      return { signal: 'process.stop', ...about, compensated: after.compensated, durationMs: at - after.startedAt }
    default:
      return undefined
  }
}
