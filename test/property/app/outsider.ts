/** Somebody who writes into the store past every app. */
import { randomUUID } from 'node:crypto'
import type { AppendRequest } from '../../../src/core/event-store.ts'
import type { Happened } from './app-model.ts'
import type { Outside } from './app-steps.ts'

/** The append that an outsider makes. */
export function outsidersAppend(tenant: string, event: Outside): AppendRequest {
  const { stream, type } = outsidersEvent(tenant, event)
  const { type: _, id, ...data } = { id: undefined, ...event }
  const tags = event.type === 'StudentSubscribed' ? [`course:${event.courseId}`, `student:${event.studentId}`] : []
  const metadata = JSON.stringify({ correlationId: 'outside', causationId: 'outside', actor: null })
  return {
    tenant,
    stream,
    expectedVersion: 'any',
    events: [{ id: randomUUID(), type, schemaVersion: 1, data: JSON.stringify(data), metadata, tags }],
  }
}

/** The same, as the model knows it. */
export function outsidersEvent(tenant: string, event: Outside): Happened {
  const stream = event.type === 'StudentSubscribed' ? `course-${event.courseId}` : `account-${event.id}`
  return { ...event, tenant, stream }
}
