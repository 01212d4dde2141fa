/**
 * PORT: telemetry. What stands around work, such as a span, and what of it travels in the metadata of events, so that a trace goes on
 * from a command to what follows the log, and from there to the next command.
 *
 * It watches and cannot change anything: work is done once and comes to what it comes to, whatever a telemetry makes of it
 * (`runtime/tracing.ts` sees to that). `dacapo/telemetry` has one for OpenTelemetry.
 */
import type { Observer } from './observer.ts'
import type { RecordedEvent } from './recorded-event.ts'

/** Short texts by name, e.g. `traceparent`: what tells a context, wherever it is read again. */
export type Carrier = Readonly<Record<string, string>>

/** A piece of work, and what its `run` comes to. */
export type TracedWork =
  /** A command, from the call to its outcome: an `Outcome`. */
  | {
      readonly kind: 'command'
      readonly tenant: string
      readonly command: string
      readonly executionId: string
      readonly correlationId: string
    }
  /** A transaction of the app's own, with the commands in it. */
  | { readonly kind: 'transaction'; readonly tenant: string }
  /** Folding a state from the store: `{ version, snapshotVersion }`. */
  | { readonly kind: 'load'; readonly store: string; readonly tenant: string; readonly stream: string }
  /** Folding what a decision is made on. */
  | { readonly kind: 'query'; readonly store: string; readonly tenant: string; readonly command: string }
  /** An append: its `AppendResult`s, one for each request. */
  | {
      readonly kind: 'append'
      readonly store: string
      readonly tenant: string
      readonly stream: string
      readonly requests: number
      readonly events: number
      /** Where those are whose commands are appended together with this one: what `here` has answered there. */
      readonly beside: readonly unknown[]
    }
  /** One attempt of a handler at an event. */
  | { readonly kind: 'handle'; readonly handler: string; readonly event: RecordedEvent; readonly attempt: number }
  /** One call of a handler with many events; `attempt` is that of all of them. */
  | { readonly kind: 'handle-batch'; readonly handler: string; readonly events: readonly RecordedEvent[]; readonly attempt: number }
  /** Folding events into the rows of an async projection, up to the commit. */
  | { readonly kind: 'project'; readonly projection: string; readonly part: string; readonly events: readonly RecordedEvent[] }
  /** What an instance of a process manager makes of an event, a timer or a rejection. */
  | {
      readonly kind: 'react'
      readonly process: string
      readonly tenant: string
      readonly instance: string
      readonly to: { readonly event: RecordedEvent } | { readonly timer: string } | { readonly rejection: string }
      /** What an earlier reaction has left; absent for an event, which has its own. */
      readonly from?: Carrier | undefined
    }
  /** An instance sends a command: the `Outcome`. */
  | {
      readonly kind: 'send'
      readonly process: string
      readonly tenant: string
      readonly instance: string
      readonly command: string
      readonly undo: boolean
      readonly from: Carrier | undefined
    }

/** Numbers of a running app, at the moment. */
export interface Levels {
  readonly aggregates: { readonly warm: number; readonly hibernated: number }
  readonly warmRows: number
  /** What follows the log, once the app was started. */
  readonly subscriptions: readonly {
    readonly kind: 'projection' | 'handler' | 'process'
    readonly name: string
    readonly lag: { readonly events: number; readonly ms: number }
    readonly parked: { readonly retrying: number; readonly dead: number }
  }[]
}

/** What an app tells its telemetry, and asks of it. */
export interface Telemetry {
  /** Told every signal, as any observer is. */
  readonly observer?: Observer
  /**
   * Does a piece of work, in a context of its own: calls `run` once, before it returns.
   *
   * @param run  answers a value or a promise, to look at. What it throws is told to whoever waits for the work, in any case.
   */
  around(work: TracedWork, run: () => unknown): void
  /** What events take along of the current context. It becomes a part of their metadata, for ever: keep it small. */
  carrier(): Carrier
  /** The current context, for `beside`. */
  here(): unknown
  /** Called once for each app. Returns what is to be called when the app has stopped. */
  watch?(read: () => Promise<Levels>): () => void
}
