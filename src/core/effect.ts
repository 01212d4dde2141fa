/** What a process manager answers with: effects, plain data that the runtime carries out. */
import type { AnyCall } from './command.ts'
import type { Duration } from './duration.ts'

/** One effect. */
export type Effect =
  | { readonly do: 'send'; readonly call: AnyCall; readonly undo: AnyCall | undefined }
  | { readonly do: 'timeout'; readonly name: string; readonly after: Duration }
  | { readonly do: 'compensate' }
  | { readonly do: 'complete' }

/** What a reaction may return. */
export type Reaction = Effect | readonly Effect[] | undefined

/** Makes effects; part of what each reaction is given. */
export interface Effects<Call, T extends string> {
  /** Sends a command; `undo` is remembered and sent, newest first, by `compensate`. Trusted: `authorize` is not asked. */
  send(call: Call, options?: { readonly undo?: Call }): Effect
  /** Fires `timeouts[name]` after the duration unless the process has completed. */
  timeout(name: T, after: Duration): Effect
  /** Sends the undo of every accepted command, newest first. */
  compensate(): Effect
  /** Ends the instance. */
  complete(): Effect
}
