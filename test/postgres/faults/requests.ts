/** Appends as the fault tests make them: deposits into accounts, each with an id of its own. */
import { randomUUID } from 'node:crypto'
import type { AppendRequest } from '../../../src/core/event-store.ts'
import type { EventToAppend } from '../../../src/core/stored-event.ts'

/** @param count  how many events. */
export function deposit(stream: string, count = 1, more: Partial<AppendRequest> = {}): AppendRequest {
  return { stream, expectedVersion: 'any', events: Array.from({ length: count }, () => deposited()), ...more }
}

export function deposited(id: string = randomUUID()): EventToAppend {
  return { id, type: 'MoneyDeposited', schemaVersion: 1, data: '{"amount":1}', metadata: '{}', tags: [] }
}

/** An entry for a request with this key. */
export const entry = (key: string) => ({ key, hash: key, outcome: `{"of":"${key}"}`, expiresAt: Date.now() + 3_600_000 })

export const idsOf = (requests: readonly AppendRequest[]): readonly string[] => requests.flatMap(({ events }) => events.map(({ id }) => id))
