/** What somebody may do to an instance by hand, and what that makes of it. Pure. */
import { compensating, completed, hasWork, type Instance, noTimers, noted, type Reacted, type TimelineEntry } from './instance.ts'

/** What can be done. */
export type Act = 'retry' | 'compensate' | 'close'

/** Why an instance is as it is from now on: for its timeline. */
export type ActNote = Pick<TimelineEntry, 'act' | 'by' | 'reason'>

/** Whether there is something to do. */
export function isPossible(act: Act, instance: Instance): boolean {
  if (instance.status === 'completed') return false
  return act !== 'retry' || instance.status === 'stuck' || (instance.attempts > 0 && hasWork(instance))
}

/** @param failed  the timers that have failed as often as they are tried. */
export function actOn(act: Act, before: Instance, failed: readonly string[], now: number, note: ActNote): Reacted {
  switch (act) {
    case 'retry': // from the first attempt on
      return {
        instance: noted({ ...before, status: 'running', attempts: 0 }, { ...note, at: now, what: 'retried' }),
        timers: noTimers,
      }
    case 'compensate': {
      // What is being taken back already goes on, first.
      const dropped = dropping(before, ({ kind }) => kind !== 'undo', now)
      const timers = before.timers.filter(({ name }) => !failed.includes(name))
      const instance = compensating({ ...dropped, timers, status: 'running', attempts: 0 }, now, note)
      return { instance, timers: { set: [], cancel: failed } }
    }
    case 'close':
      return completed(
        noted(
          dropping(before, () => true, now),
          { ...note, at: now, what: 'closed' },
        ),
        now,
      )
  }
}

function dropping(before: Instance, isDropped: (pending: Instance['queue'][number]) => boolean, now: number): Instance {
  let instance: Instance = { ...before, queue: before.queue.filter((pending) => !isDropped(pending)) }
  for (const pending of before.queue) {
    if (isDropped(pending) && pending.kind !== 'complete') instance = noted(instance, { at: now, what: 'dropped', name: pending.command })
  }
  return instance
}
