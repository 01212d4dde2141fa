/**
 * A part that this process holds: somebody works on it, unless it is paused.
 *
 * It follows what is wanted of its subscription (`control.ts`), one change after the other: a worker is stopped before anything else
 * happens to the part, and a new one goes on from what is committed. So pausing interrupts nothing but what heeds the signal, and while a
 * rewind is made nobody works.
 */
import type { Clock } from '../../core/clock.ts'
import { LeaseLostError } from '../../core/errors.ts'
import type { Lease, WorkStore } from '../../core/work-store.ts'
import { commitOne } from '../work/commit-one.ts'
import { type Control, failureRecord } from './control.ts'
import { rewindPart } from './rewinding.ts'
import type { Subscription } from './subscription.ts'
import type { PartWorker } from './worker.ts'

/** What a held part needs of its engine. */
export interface HeldPartContext {
  readonly work: WorkStore
  readonly clock: Clock
  /** What is wanted, as far as this process knows. */
  readonly control: (subscription: string) => Control
  readonly start: (subscription: Subscription, lease: Lease) => PartWorker
  /** Told when it is paused, or goes on; and where it was and is when it is rewound. */
  readonly changed: (part: HeldPart, change: { readonly to: 'pause' | 'resume' } | { readonly from: number; readonly to: number }) => void
  /** Told when somebody else has it by now. */
  readonly lost: (part: HeldPart) => void
}

/** A part that this process holds. */
export interface HeldPart {
  readonly subscription: Subscription
  readonly lease: Lease
  /** Nobody while it is paused. */
  readonly worker: PartWorker | undefined
  /** Whether it is about to become something else than it is. */
  readonly isChanging: boolean
  /** Does what is wanted now. Resolves when that has taken effect. @throws StoreUnavailableError it is tried again by the next call. */
  follow(): Promise<void>
  /** Ends after what it is doing; the lease is still held. */
  stop(): Promise<void>
}

export function holdPart(context: HeldPartContext, subscription: Subscription, lease: Lease): HeldPart {
  const { work, clock, start, changed, lost } = context
  const first = context.control(subscription.id)
  let worker: PartWorker | undefined
  let { resumes } = first
  /** The last rewind that it has made, as far as is known here. */
  let rewound = 0
  let isPaused = false
  let isFailureKept = first.failures.some(({ part }) => part === lease.part)
  let isEnded = false
  let changes = 0
  let last: Promise<void> = Promise.resolve()

  async function followOnce(): Promise<void> {
    if (isEnded || worker?.status === 'lost') return
    const control = context.control(subscription.id)
    const { number: newest = 0 } = control.rewinds.at(-1) ?? {}
    const isToBegin = worker?.status === 'failed' && control.resumes > resumes
    resumes = control.resumes
    if (worker && (control.isPaused || newest > rewound || isToBegin)) await endWorker()
    if (newest > rewound) {
      const made = await rewindPart(work, lease, control)
      rewound = newest
      if (made) changed(part, made)
    }
    if (control.isPaused !== isPaused || isToBegin) {
      isPaused = control.isPaused
      changed(part, { to: isPaused ? 'pause' : 'resume' })
    }
    if (!worker && !isPaused) await startWorker()
    if (worker?.status === 'failed' && !isFailureKept) await keepFailure(worker)
  }

  async function startWorker(): Promise<void> {
    if (isFailureKept) await commit(failureRecord(lease, clock.now()))
    isFailureKept = false
    if (!isEnded) worker = start(subscription, lease)
  }

  async function endWorker(): Promise<void> {
    await worker?.stop()
    worker = undefined
  }

  async function keepFailure({ error }: PartWorker): Promise<void> {
    await commit(failureRecord(lease, clock.now(), error ?? new Error('unknown')))
    isFailureKept = true
  }

  const commit = (record: ReturnType<typeof failureRecord>) => commitOne(work, { steps: [lease], records: [record] })

  const part: HeldPart = {
    subscription,
    lease,
    get worker() {
      return worker
    },
    get isChanging() {
      return changes > 0
    },
    follow() {
      changes++
      const end = last.then(followOnce)
      last = end
        .catch((error) => {
          if (error instanceof LeaseLostError && !isEnded) {
            isEnded = true
            lost(part)
          }
        })
        .finally(() => changes--)
      return end.catch((error) => {
        if (!(error instanceof LeaseLostError)) throw error
      })
    },
    async stop() {
      isEnded = true
      await worker?.stop()
      await last
    },
  }
  return part
}
