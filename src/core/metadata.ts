/** What is known about an event besides its data: who asked, because of what, and what else belongs together. */

/**
 * Kept beside an event, as JSON. The named members are always there; the caller's own are added to them.
 */
export interface Metadata {
  /** Shared by everything that one request led to. */
  readonly correlationId: string
  /** What caused the event directly: the id of the command's execution, or of the event that a handler reacted to. */
  readonly causationId: string
  /** Who asked. */
  readonly actor: unknown
  /** The command's name. */
  readonly command?: string
  readonly [key: string]: unknown
}

let lastText = ''
let lastId: string | undefined

/**
 * The correlation id in metadata that is kept as JSON text; stores index it. What cannot be read has none.
 *
 * The events of one command share their metadata, so the last answer is remembered.
 */
export function correlationIdOf(metadata: string): string | undefined {
  if (metadata === lastText) return lastId
  let id: unknown
  try {
    id = (JSON.parse(metadata) as { readonly correlationId?: unknown } | null)?.correlationId
  } catch {
    id = undefined
  }
  lastText = metadata
  lastId = typeof id === 'string' ? id : undefined
  return lastId
}
