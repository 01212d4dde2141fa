/** What a process manager answers with: effects, plain data that the runtime carries out. */
import type { AnyCall } from './command.ts'
import type { Duration } from './duration.ts'

/** One effect. */
export type Effect =
  | { readonly do: 'send'; readonly call: AnyCall; readonly undo: AnyCall | undefined }
  | { readonly do: 'timeout'; readonly name: string; readonly after: Duration }
  | { readonly do: 'cancel'; readonly name: string }
  | { readonly do: 'compensate' }
  | { readonly do: 'complete' }

/** What a reaction may return. */
export type Reaction = Effect | readonly Effect[] | undefined

/** The makers of effects. */
export const effects: Effects<AnyCall, string> = {
  send: (call, { undo } = {}) => ({ do: 'send', call, undo }),
  timeout: (name, after) => ({ do: 'timeout', name, after }),
  cancel: (name) => ({ do: 'cancel', name }),
  compensate: () => ({ do: 'compensate' }),
  complete: () => ({ do: 'complete' }),
}

/** Makes effects; part of what each reaction is given. */
export interface Effects<Call, T extends string> {
  /** Sends a command; `undo` is remembered and sent, newest first, by `compensate`. Trusted: `authorize` is not asked. */
  send(call: Call, options?: { readonly undo?: Call }): Effect
  /** Fires `timeouts[name]` after the duration unless the process has completed. */
  timeout(name: T, after: Duration): Effect
  /** Cancels `timeouts[name]`, if it is set. */
  cancel(name: T): Effect
  /** Sends the undo of every accepted command, newest first. */
  compensate(): Effect
  /** Ends the instance. */
  complete(): Effect
}
