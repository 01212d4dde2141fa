/** What an app is made of, as plain data: for tools, start-up logs and health pages. */
import { toMs } from '../core/duration.ts'
import type { RetryPolicy } from '../core/event-handler.ts'
import type { Consistency } from '../core/projection.ts'
import type { Engine } from './engine.ts'

/** What `app.describe()` answers. */
export interface AppDescription {
  readonly store: string
  readonly commands: readonly { readonly name: string; readonly decidesOn: 'aggregate' | 'query' | 'input'; readonly aggregate?: string }[]
  readonly events: readonly { readonly type: string; readonly schemaVersion: number }[]
  readonly projections: readonly { readonly name: string; readonly consistency: Consistency; readonly events: readonly string[] }[]
  readonly handlers: readonly {
    readonly name: string
    readonly events: readonly string[]
    /** With the app's defaults filled in. */
    readonly retry: Required<Omit<RetryPolicy, 'backoff' | 'maxBackoff'>> & { readonly backoffMs: number; readonly maxBackoffMs: number }
  }[]
  readonly processes: readonly { readonly name: string; readonly events: readonly string[]; readonly commands: readonly string[] }[]
}

/** Describes an app. */
export function describe({ store, definitions, settings }: Engine): AppDescription {
  const typesOf = ({ events }: { readonly events: readonly { readonly type: string }[] }) => events.map(({ type }) => type)
  return {
    store: store.name,
    commands: [...definitions.commands.values()].map(({ command: name, boundary }) =>
      boundary.kind === 'aggregate'
        ? { name, decidesOn: 'aggregate', aggregate: boundary.aggregate.name }
        : { name, decidesOn: boundary.kind === 'query' ? 'query' : 'input' },
    ),
    events: [...definitions.eventTypes.values()].map(({ type, schemaVersion }) => ({ type, schemaVersion })),
    projections: [...definitions.views, ...definitions.tables].map((part) => ({
      name: part.name,
      consistency: part.consistency,
      events: typesOf(part),
    })),
    handlers: definitions.handlers.map((part) => ({ name: part.name, events: typesOf(part), retry: retryOf(part.retry, settings.retry) })),
    processes: definitions.processes.map((part) => ({
      name: part.name,
      events: typesOf(part),
      commands: part.commands.map(({ command }) => command),
    })),
  }
}

function retryOf(own: RetryPolicy, defaults: Required<RetryPolicy>): AppDescription['handlers'][number]['retry'] {
  const { backoff, maxBackoff, ...others } = { ...defaults, ...own }
  const backoffMs = toMs(backoff, 'retry.backoff')
  return { ...others, backoffMs, maxBackoffMs: Math.max(backoffMs, toMs(maxBackoff, 'retry.maxBackoff')) }
}
