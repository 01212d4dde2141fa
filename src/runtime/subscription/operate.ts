/** What an operator does with subscriptions: looks at them, pauses them, has them go on, and rewinds them. */
import { closest } from '../../core/closest.ts'
import { UnknownSubscriptionError, UnsupportedError, ValidationError } from '../../core/errors.ts'
import { isLogPlace, type LogPlace } from '../../core/start-from.ts'
import { type Engine, report } from '../engine.ts'
import { type Rebuilds, rebuildsOf } from '../rebuild/rebuilds.ts'
import { withPatience } from '../timeout.ts'
import { controlOf, type Wish, wish } from './control.ts'
import { followersOf } from './define.ts'
import { positionBefore } from './find-position.ts'
import { forgetHoles, type Hole } from './holes.ts'
import { insideOf } from './inside.ts'
import { rewindFree, rewindsOf } from './rewinding.ts'
import { type SubscriptionStatistics, subscriptionStatistics } from './subscription-statistics.ts'
import type { Subscriptions } from './subscriptions.ts'

/**
 * The async projections, handlers and processes of an app, in whichever process they run; the same in every tenant.
 *
 * They are called by their name, or by kind and name where several have it: `'handler:greet'`.
 *
 * What is wanted is durable as soon as a call resolves: it holds for every process, and after a restart. By then it has taken effect for
 * the parts that this process works on; other processes follow at their next look, within a third of a lease. Called by a handler about
 * itself it takes effect behind the event that is being handled.
 */
export interface SubscriptionCalls extends Rebuilds {
  /** How far each of them is, and what holds it up. */
  list(): Promise<readonly SubscriptionStatistics[]>
  /**
   * Handles nothing any more, until `resume`. Resolves when what is being handled here has ended.
   *
   * @throws UnknownSubscriptionError (`ES_UNKNOWN_SUBSCRIPTION`)
   * @throws TimedOutError (`ES_TIMED_OUT`) a handler has not ended within `defaults.subscriptions.stopWithin`; it is paused as soon as it has.
   */
  pause(name: string): Promise<void>
  /** Goes on where it was; parts that have failed begin again, wherever they are held. @throws as `pause`. */
  resume(name: string): Promise<void>
  /**
   * Has a handler handle everything again from a place on: its side effects happen again. Parts that have not come there stay where they
   * are. What is parked behind the place, dead letters and their corrections included, is forgotten, because it is handled again; what
   * is parked before it stays. A paused handler stays paused.
   *
   * @throws UnsupportedError (`ES_UNSUPPORTED`) a projection: rebuild it; a process, which would send its commands again, unless it is
   *         only brought back to the end of the log; what was never started.
   * @throws ValidationError (`ES_VALIDATION`) no place, or a position beyond the log. And as `pause`.
   */
  rewind(name: string, to: LogPlace): Promise<void>
  /**
   * Compares what the parts that this process works on have looked at with the log, as happens by itself now and then. Only what was
   * looked at since the last time is read again.
   *
   * @returns the holes that it has found; `list` has them too, until they are forgotten.
   */
  audit(): Promise<readonly Hole[]>
  /** Forgets the holes of one subscription, or of all: somebody has dealt with them. Returns how many there were. @throws as `pause`. */
  forgetHoles(name?: string): Promise<number>
}

/** @param stopping  aborts when the app stops. */
export function subscriptionCalls(engine: Engine, running: () => Subscriptions | undefined, stopping: AbortSignal): SubscriptionCalls {
  const { store, settings, clock, tell } = engine

  function find(name: string) {
    const all = followersOf(engine)
    const found = all.filter((one) => one.name === name || one.id === name)
    const [first] = found
    if (first && found.length === 1) return first
    const ids = found.map(({ id }) => `"${id}"`).join(' or ')
    const meant = closest(
      String(name),
      all.flatMap((one) => [one.name, one.id]),
    )
    const known = all.map((one) => one.name).join(', ') || 'none'
    throw new UnknownSubscriptionError(
      String(name),
      first ? `say which one: ${ids}.` : meant ? `did you mean ${meant}?` : `this app has ${known}.`,
    )
  }

  async function change(
    what: string,
    { id, name }: { readonly id: string; readonly name: string },
    to: (now: Wish) => Wish,
  ): Promise<void> {
    await wish(store.work, id, to)
    const effect = running()?.control(id)
    if (!effect) return
    // The event that is being handled would wait for its own end.
    if (insideOf(engine)?.subscription.id === id) effect.catch((error) => report(`${what} ${name} failed; it is tried again`, error))
    else await withPatience(() => effect, { timeoutMs: settings.stopWithinMs, signal: undefined }, `${what} ${name}`, clock)
  }

  return {
    ...rebuildsOf(engine, running, stopping),
    list: () => subscriptionStatistics(engine, running()),
    async pause(name) {
      await change('pause', find(name), (now) => ({ ...now, isPaused: true }))
    },
    async resume(name) {
      await change('resume', find(name), (now) => ({ ...now, isPaused: false, resumes: now.resumes + 1 }))
    },
    async rewind(name, to) {
      const follower = find(name)
      const { id, kind } = follower
      if (!isLogPlace(to)) throw new ValidationError('rewind', [`to is 'beginning', { position } from 1 on, or { at: a date }`])
      if (kind === 'projection') {
        throw new UnsupportedError(`${name} folds each event once, so it cannot be rewound: use app.subscriptions.rebuild("${name}").`)
      }
      const head = await store.head()
      if (typeof to === 'object' && 'position' in to && to.position > head + 1) {
        throw new ValidationError('rewind', [`the log ends at ${head}, so position ${to.position} is no place in it`])
      }
      const position = await positionBefore(store, to)
      if (kind === 'process' && position < head) {
        throw new UnsupportedError(
          `${name} would send its commands again, so it cannot be rewound: start a process manager of another name.`,
        )
      }
      const parts = await store.work.parts(id)
      if (parts.length === 0) throw new UnsupportedError(`${name} was never started, so there is nothing to rewind: see startFrom.`)
      await change('rewind', follower, (now) => {
        const last = now.rewinds.at(-1)
        const open = now.rewinds.filter((one) => parts.some((part) => rewindsOf(part, { ...now, rewinds: [one] }).length > 0))
        return { ...now, rewinds: [...open, { number: (last?.number ?? 0) + 1, to: position }] }
      })
      const free = (await store.work.parts(id)).filter(({ owner }) => owner === null)
      await rewindFree(engine, free, await controlOf(store.work, id), ({ part }, from, at) =>
        tell?.({ signal: 'subscription.rewind', kind, name: follower.name, part, from, to: at }),
      )
    },
    audit: async () => (await running()?.audit()) ?? [],
    forgetHoles: (name) => forgetHoles(store.work, name === undefined ? followersOf(engine) : [find(name)]),
  }
}
