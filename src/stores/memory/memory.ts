/** The memory store: the reference for every other one, and what tests run on. Keeps JSON text, loses it with the process. */
import { appendInGroups, lostTogether } from '../../core/append-groups.ts'
import type { Clock } from '../../core/clock.ts'
import { byCodePoint } from '../../core/code-point-order.ts'
import { StoppedError } from '../../core/errors.ts'
import type { AppendRequest, AppendResult, EventStore } from '../../core/event-store.ts'
import { gate } from '../../core/gate.ts'
import { categoryOf } from '../../core/stream-name.ts'
import { wakeUps } from '../../core/wake-ups.ts'
import { accept, remembered } from './accept.ts'
import { Layer } from './layer.ts'
import { readAll, readStream } from './read.ts'
import { snapshotStore } from './snapshots.ts'
import { infoOf, runTransaction } from './transaction.ts'
import { type ViewRegistry, viewRegistry } from './view-registry.ts'
import { viewStore } from './views.ts'
import { workStore } from './work.ts'

/** What the memory store can do. */
export interface MemoryCapabilities {
  readonly transactions: true
  readonly sql: false
  readonly conditions: true
  readonly durable: false
  readonly multiProcess: false
  readonly push: true
  readonly totalOrder: true
}

/** How a memory store differs from the default one. */
export interface MemoryOptions {
  /** Default: the system's clock. */
  readonly clock?: Pick<Clock, 'now'>
}

/**
 * An event store in memory, for tests and first steps: passes the whole contract and is gone with the process.
 *
 * @example
 * const app = createApp({ store: memory(), commands: [openAccount] })
 */
export function memory({ clock = { now: Date.now } }: MemoryOptions = {}): EventStore<MemoryCapabilities> {
  const committed = new Layer()
  const writers = gate()
  const wakes = wakeUps(() => committed.head)
  const now = () => clock.now()
  let closed = false
  const assertOpen = () => {
    if (closed) throw new StoppedError('The memory store')
  }
  const state = () => {
    assertOpen()
    return committed
  }
  const snapshots = snapshotStore(assertOpen)
  const registry = viewRegistry()

  /** Alone among the writers; whoever listens is told when the log has grown. */
  async function alone<T>(work: () => T | Promise<T>): Promise<T> {
    assertOpen()
    const leave = await writers.enter()
    const before = committed.head
    try {
      assertOpen()
      return await work()
    } finally {
      leave()
      if (committed.head > before) wakes.wake()
    }
  }

  return {
    name: 'memory',
    capabilities: { transactions: true, sql: false, conditions: true, durable: false, multiProcess: false, push: true, totalOrder: true },

    append: (requests) => alone(() => appendInGroups(requests, async (group) => writeGroup(committed, registry, group, clock.now()))),
    readStream: (stream, options) => readStream(state, stream, options),
    readAll: (options) => readAll(state, options),
    async streamInfo(stream, tenant = '') {
      return infoOf(state(), tenant, stream)
    },
    async listStreams({ tenant = '', category, search, after, limit = 100 } = {}) {
      const names = [...state().streams.values()].map(([first]) => first!).filter((first) => first.tenant === tenant)
      return names
        .map(({ stream }) => stream)
        .filter((stream) => category === undefined || categoryOf(stream) === category)
        .filter((stream) => search === undefined || stream.includes(search))
        .filter((stream) => after === undefined || byCodePoint(stream, after) > 0)
        .sort(byCodePoint)
        .slice(0, limit)
        .map((stream) => infoOf(committed, tenant, stream)!)
    },
    async head() {
      return state().head
    },
    async eventTypes() {
      return [...state().types.values()]
    },
    changes: (signal) => wakes.listen(signal),
    async remembered(tenant, key) {
      return remembered(state(), tenant, key, now())
    },
    forgetExpired: (time) =>
      alone(() => {
        const expired = [...committed.outcomes].filter(([, { expiresAt }]) => expiresAt < time)
        for (const [key] of expired) committed.outcomes.delete(key)
        return expired.length
      }),
    views: viewStore(state, writers, registry),
    snapshots,
    work: workStore(state, writers, registry),
    transaction: (work) => alone(() => runTransaction(committed, registry, now, snapshots, work)),
    async migrate() {
      assertOpen()
    },
    async close() {
      if (closed) return
      // What waits at the gate was accepted before, so it is let through first.
      const leave = await writers.enter()
      closed = true
      leave()
      wakes.end()
    },
  }
}

/** The requests of a group share a layer, which settles only when none of them was refused. */
function writeGroup(committed: Layer, registry: ViewRegistry, group: readonly AppendRequest[], now: number): readonly AppendResult[] {
  if (group.length === 1) return [accept(committed, registry, group[0] as AppendRequest, now)]
  const layer = new Layer(committed)
  const answers = group.map((request) => accept(layer, registry, request, now))
  const lost = lostTogether(answers)
  if (!lost) layer.settle()
  return lost ?? answers
}
