/** Every limit, wait and size of the runtime: its default, its check, and the number that the engine uses. */
import { assertLifespan, type Lifespan, type LifespanPolicy, lifespanMs, type SnapshotPolicy } from '../core/aggregate.ts'
import { type Duration, toCount, toMs } from '../core/duration.ts'
import { DefinitionError } from '../core/errors.ts'
import { assertRetry, type RetryPolicy } from '../core/event-handler.ts'
import { assertRebuild, type RebuildPolicy } from '../core/projection.ts'

/** Defaults for everything that a definition does not say itself: `createApp({ defaults })`. */
export interface Defaults {
  /** For aggregates without their own `snapshot` or `lifespan`. */
  readonly aggregate?: {
    /** `false`: no snapshots unless an aggregate asks for them. Default: every 100 events, the latest one kept. */
    readonly snapshot?: Pick<SnapshotPolicy<never>, 'everyEvents' | 'keep'> | false
    /** Default: 30 minutes after a command, 5 minutes after an error, then stop. */
    readonly lifespan?: LifespanPolicy
    /** Idle time after which a warm state is kept as encoded text. Default 1 minute. */
    readonly hibernateAfter?: Duration
    /** One load from a snapshot in so many is compared with a full fold. Default 1,000; 1 compares every load. */
    readonly compareSnapshotOneIn?: number
  }
  /** For commands. */
  readonly command?: {
    /** How often a command is decided before a conflict becomes ConcurrencyError. Default 10. */
    readonly attempts?: number
    /** The longest pause before the second attempt; doubles with each. Default 5 milliseconds. */
    readonly backoff?: Duration
    /** The longest pause between attempts. Default 200 milliseconds. */
    readonly longestBackoff?: Duration
    /** How long `execute` waits. Default: as long as it takes. */
    readonly timeout?: Duration
    /** How long the outcome under an idempotency key is kept. Default 7 days. */
    readonly keepOutcome?: Duration
    /** `'strong'`: every command waits for everybody whom its events concern. Default `'eventual'`. */
    readonly consistency?: 'eventual' | 'strong'
    /** How many commands that wait for one stream are decided together. Default 256. */
    readonly groupSize?: number
    /** A group closes when an `authorize` or `validate` has not settled after this time. Default 5 milliseconds. */
    readonly groupPatience?: Duration
  }
  /** For warm state. */
  readonly memory?: {
    /** How many streams stay warm. Default 10,000. */
    readonly warmStreams?: number
    /** How many rows of transactional projections stay warm. Default 10,000. */
    readonly warmRows?: number
    /** How often the heap is looked at. Default 10 seconds. */
    readonly checkEvery?: Duration
    /** Share of the heap's limit from which idle times are halved. Default 0.7. */
    readonly elevatedAt?: number
    /** Share of the heap's limit from which idle times are cut to a tenth. Default 0.85. */
    readonly criticalAt?: number
    /** A level is left when the share is below its threshold by so much. Default 0.05. */
    readonly hysteresis?: number
  }
  /** For async projections, event handlers and process managers. */
  readonly subscriptions?: {
    /** How long a process may show no sign of life before others take its work over. Default 10 seconds. */
    readonly lease?: Duration
    /** How long a position may stay unwritten where nothing else has to be written. Default 1 second. */
    readonly checkpointEvery?: Duration
    /** How often one may fail by itself, within which time, before it stays `failed`. Default: 10 times within a minute. */
    readonly restart?: { readonly maxRestarts?: number; readonly within?: Duration }
    /** Attempts follow each other without a pause; what a test app does. Default false. */
    readonly retryAtOnce?: boolean
    /** How often what was looked at is compared with the log, or `false`: never, and no proofs are kept. Default: once a minute. */
    readonly audit?: { readonly every: Duration } | false
    /** How long `stop` waits for what is being handled. Default 10 seconds. */
    readonly stopWithin?: Duration
    /** How long `waitFor` and `atLeast` wait. Default 5 seconds. */
    readonly waitTimeout?: Duration
    /**
     * What becomes of the view of an async projection whose fold has changed. `'auto'`: it is rebuilt in the background, once no process
     * lives that has the old fold. Default `'manual'`: it is told, and goes on with the rows that are there.
     */
    readonly rebuild?: RebuildPolicy
  }
  /** For event handlers without their own `retry`, processes and schedules. Default: 5 attempts, waits from 100 milliseconds to 30 seconds, then the dead letters. */
  readonly handlers?: { readonly retry?: RetryPolicy }
}

/** The same in the engine's units. */
export interface Settings {
  readonly snapshot: { readonly everyEvents: number; readonly keep: number } | false
  readonly lifespan: Required<LifespanPolicy>
  readonly hibernateAfterMs: number
  readonly compareSnapshotOneIn: number
  readonly attempts: number
  readonly backoffMs: number
  readonly longestBackoffMs: number
  readonly timeoutMs: number | undefined
  readonly keepOutcomeMs: number
  readonly consistency: 'eventual' | 'strong'
  readonly groupSize: number
  readonly groupPatienceMs: number
  readonly warmStreams: number
  readonly warmRows: number
  readonly checkMemoryEveryMs: number
  readonly elevatedAt: number
  readonly criticalAt: number
  readonly hysteresis: number
  readonly retry: Required<RetryPolicy>
  readonly leaseMs: number
  readonly checkpointEveryMs: number
  readonly restart: { readonly maxRestarts: number; readonly withinMs: number }
  readonly retryAtOnce: boolean
  /** `undefined`: never. */
  readonly auditEveryMs: number | undefined
  readonly stopWithinMs: number
  readonly waitTimeoutMs: number
  readonly rebuild: RebuildPolicy
}

/**
 * Fills in the defaults.
 *
 * @throws DefinitionError (`ES_DEFINITION`) a count or Duration of 0 or less, a share outside 0–1.
 */
export function toSettings({ aggregate = {}, command = {}, memory = {}, handlers = {}, subscriptions = {} }: Defaults): Settings {
  const lifespan: Required<LifespanPolicy> = {
    afterEvent: { minutes: 30 },
    afterCommand: { minutes: 30 },
    afterError: { minutes: 5 },
    onTimeout: 'stop',
    ...aggregate.lifespan,
  }
  assertLifespan(lifespan, 'defaults.aggregate')
  assertRebuild('defaults.subscriptions', subscriptions.rebuild)
  if (handlers.retry) assertRetry(handlers.retry, 'defaults.handlers')
  const { snapshot = {} } = aggregate
  const elevatedAt = toShare(memory.elevatedAt ?? 0.7, 'defaults.memory.elevatedAt')
  const criticalAt = toShare(memory.criticalAt ?? 0.85, 'defaults.memory.criticalAt')
  if (criticalAt < elevatedAt) throw new DefinitionError('defaults.memory.criticalAt must not be below elevatedAt.')
  const { hysteresis = 0.05 } = memory
  if (!(hysteresis >= 0 && hysteresis < elevatedAt)) {
    throw new DefinitionError(
      `defaults.memory.hysteresis is a share of the heap's limit, 0 or more and below elevatedAt, not ${hysteresis}.`,
    )
  }
  return {
    snapshot: snapshot && {
      everyEvents: toCount(snapshot.everyEvents ?? 100, 'defaults.aggregate.snapshot.everyEvents'),
      keep: toCount(snapshot.keep ?? 1, 'defaults.aggregate.snapshot.keep'),
    },
    lifespan,
    hibernateAfterMs: toMs(aggregate.hibernateAfter ?? { minutes: 1 }, 'defaults.aggregate.hibernateAfter'),
    compareSnapshotOneIn: toCount(aggregate.compareSnapshotOneIn ?? 1000, 'defaults.aggregate.compareSnapshotOneIn'),
    attempts: toCount(command.attempts ?? 10, 'defaults.command.attempts'),
    backoffMs: toMs(command.backoff ?? { milliseconds: 5 }, 'defaults.command.backoff'),
    longestBackoffMs: toMs(command.longestBackoff ?? { milliseconds: 200 }, 'defaults.command.longestBackoff'),
    timeoutMs: command.timeout === undefined ? undefined : toMs(command.timeout, 'defaults.command.timeout'),
    keepOutcomeMs: toMs(command.keepOutcome ?? { days: 7 }, 'defaults.command.keepOutcome'),
    consistency: command.consistency ?? 'eventual',
    groupSize: toCount(command.groupSize ?? 256, 'defaults.command.groupSize'),
    groupPatienceMs: toMs(command.groupPatience ?? { milliseconds: 5 }, 'defaults.command.groupPatience'),
    warmStreams: toCount(memory.warmStreams ?? 10_000, 'defaults.memory.warmStreams'),
    warmRows: toCount(memory.warmRows ?? 10_000, 'defaults.memory.warmRows'),
    checkMemoryEveryMs: toMs(memory.checkEvery ?? { seconds: 10 }, 'defaults.memory.checkEvery'),
    elevatedAt,
    criticalAt,
    hysteresis,
    retry: { ...defaultRetry, ...handlers.retry },
    leaseMs: toMs(subscriptions.lease ?? { seconds: 10 }, 'defaults.subscriptions.lease'),
    checkpointEveryMs: toMs(subscriptions.checkpointEvery ?? { seconds: 1 }, 'defaults.subscriptions.checkpointEvery'),
    restart: {
      maxRestarts: toCount(subscriptions.restart?.maxRestarts ?? 10, 'defaults.subscriptions.restart.maxRestarts'),
      withinMs: toMs(subscriptions.restart?.within ?? { minutes: 1 }, 'defaults.subscriptions.restart.within'),
    },
    retryAtOnce: subscriptions.retryAtOnce ?? false,
    auditEveryMs:
      subscriptions.audit === false ? undefined : toMs(subscriptions.audit?.every ?? { minutes: 1 }, 'defaults.subscriptions.audit'),
    stopWithinMs: toMs(subscriptions.stopWithin ?? { seconds: 10 }, 'defaults.subscriptions.stopWithin'),
    waitTimeoutMs: toMs(subscriptions.waitTimeout ?? { seconds: 5 }, 'defaults.subscriptions.waitTimeout'),
    rebuild: subscriptions.rebuild ?? 'manual',
  }
}

const defaultRetry: Required<RetryPolicy> = {
  attempts: 5,
  backoff: { milliseconds: 100 },
  maxBackoff: { seconds: 30 },
  strategy: 'exponential',
  jitter: true,
  whenExhausted: 'dead-letter',
}

/** How long a state may be idle, in milliseconds, or what becomes of it at once. */
export type IdleLimit = number | 'hibernate' | 'stop'

/** A lifespan policy as a function of a command's end; only what a function of the user's says is looked at each time. */
export function lifespanRule(policy: Lifespan | ((cause: any) => Lifespan), what: string): (cause: unknown) => IdleLimit {
  if (typeof policy === 'function') return (cause) => lifespanMs(policy(cause), what)
  const always = lifespanMs(policy, what)
  return () => always
}

function toShare(share: number, what: string): number {
  if (!(share > 0 && share <= 1)) throw new DefinitionError(`${what} is a share of the heap's limit, above 0 and at most 1, not ${share}.`)
  return share
}
