/**
 * What a span says of a piece of work: its name, kind and attributes, before and after.
 *
 * Names have few values: kinds of work, and names of definitions. Where OpenTelemetry has a convention for messaging, databases or errors
 * it is kept, and tests compare it; everything else is called `dacapo.…`.
 */
import { type Attributes, SpanKind } from '@opentelemetry/api'
import type { DomainEvent } from '../core/event.ts'
import type { AppendResult } from '../core/event-store.ts'
import type { Outcome } from '../core/outcome.ts'
import type { RecordedEvent } from '../core/recorded-event.ts'
import type { Rejection } from '../core/rejection.ts'
import { categoryOf } from '../core/stream-name.ts'
import type { TracedWork } from '../core/telemetry.ts'

/** A kind of duration, and what it is divided by. */
export interface Measure {
  readonly of: 'command' | 'database' | 'messaging'
  readonly attributes: Attributes
}

/** A span before it begins, and which duration it is, if any. */
export interface Description {
  readonly name: string
  readonly kind: SpanKind
  readonly attributes: Attributes
  readonly measure?: Measure
}

/** Stores by the names that OpenTelemetry has for them; any other has its own. */
const systems: Readonly<Record<string, string>> = { postgres: 'postgresql' }

export function describeWork(work: TracedWork): Description {
  switch (work.kind) {
    case 'command': {
      const { command, executionId, correlationId, tenant } = work
      const attributes = { 'dacapo.command': command }
      return {
        name: `execute ${command}`,
        kind: SpanKind.INTERNAL,
        attributes: { ...attributes, 'dacapo.execution.id': executionId, 'dacapo.correlation.id': correlationId, ...tenantOf(tenant) },
        measure: { of: 'command', attributes },
      }
    }
    case 'transaction':
      return { name: 'transaction', kind: SpanKind.INTERNAL, attributes: tenantOf(work.tenant) }
    case 'load':
      return ofDatabase(work, categoryOf(work.stream), { 'dacapo.stream': work.stream })
    case 'query':
      return ofDatabase(work, work.command, { 'dacapo.command': work.command })
    case 'append': {
      const { stream, events, requests } = work
      // One alone is no batch, says the convention.
      const batch = requests > 1 ? { 'db.operation.batch.size': requests } : {}
      return ofDatabase(work, categoryOf(stream), { ...batch, 'dacapo.stream': stream, 'dacapo.events': events })
    }
    case 'handle':
      return ofMessages(work.kind, work.handler, { ...ofEvent(work.event), 'dacapo.attempt': work.attempt })
    case 'handle-batch':
      return ofMessages('handle', work.handler, { 'messaging.batch.message_count': work.events.length, 'dacapo.attempt': work.attempt })
    case 'project':
      return ofMessages(work.kind, work.projection, { 'messaging.batch.message_count': work.events.length, 'dacapo.part': work.part })
    case 'react': {
      const { process, instance, tenant, to } = work
      const about = { 'dacapo.process': process, 'dacapo.instance': instance }
      if ('event' in to) return ofMessages(work.kind, process, { ...ofEvent(to.event), ...about })
      const cause = 'timer' in to ? { 'dacapo.timer': to.timer } : { 'dacapo.rejection.code': to.rejection }
      return { name: `react ${process}`, kind: SpanKind.INTERNAL, attributes: { ...about, ...cause, ...tenantOf(tenant) } }
    }
    case 'send': {
      const { command, process, instance, undo, tenant } = work
      const about = { 'dacapo.command': command, 'dacapo.process': process, 'dacapo.instance': instance, 'dacapo.undo': undo }
      return { name: `send ${command}`, kind: SpanKind.INTERNAL, attributes: { ...about, ...tenantOf(tenant) } }
    }
  }
}

/** What the outcome adds to it. */
export function describeOutcome({ kind }: TracedWork, result: unknown): Attributes {
  switch (kind) {
    case 'command':
    case 'send':
      return ofOutcome(result as AnyOutcome)
    case 'load': {
      const { version, snapshotVersion } = result as { readonly version: number; readonly snapshotVersion: number | undefined }
      return {
        'dacapo.stream.version': version,
        ...(snapshotVersion === undefined ? {} : { 'dacapo.snapshot.version': snapshotVersion }),
      }
    }
    case 'append': {
      const refused = (result as readonly AppendResult[]).filter((one) => one.kind === 'refused')
      return refused.length > 0 ? { 'dacapo.refused': refused.length, 'error.type': refused[0]?.error.code } : {}
    }
    default:
      return {}
  }
}

type AnyOutcome = Outcome<DomainEvent, Rejection>

function ofOutcome(outcome: AnyOutcome): Attributes {
  if (!outcome.ok) return { 'dacapo.outcome': 'rejected', 'dacapo.rejection.code': outcome.rejection.code, ...duplicate(outcome.duplicate) }
  const { events, position, version } = outcome.receipt
  if (events.length === 0) return { 'dacapo.outcome': 'empty', ...duplicate(outcome.receipt.duplicate) }
  return {
    'dacapo.outcome': 'accepted',
    'dacapo.events': events.length,
    'dacapo.stream.version': version,
    ...(position > 0 ? { 'dacapo.position': position } : {}),
    ...duplicate(outcome.receipt.duplicate),
  }
}

const duplicate = (is: boolean): Attributes => (is ? { 'dacapo.duplicate': true } : {})

const tenantOf = (tenant: string): Attributes => (tenant === '' ? {} : { 'dacapo.tenant': tenant })

function ofDatabase(
  { kind, store, tenant }: Extract<TracedWork, { readonly store: string }>,
  target: string,
  more: Attributes,
): Description {
  const attributes = { 'db.system.name': systems[store] ?? store, 'db.operation.name': kind }
  return {
    name: `${kind} ${target}`,
    kind: SpanKind.CLIENT,
    attributes: { ...attributes, ...more, ...tenantOf(tenant) },
    measure: { of: 'database', attributes },
  }
}

function ofMessages(operation: string, subscription: string, more: Attributes): Description {
  const attributes = {
    'messaging.system.name': 'dacapo',
    'messaging.operation.name': operation,
    'messaging.operation.type': 'process',
    'messaging.destination.subscription.name': subscription,
  }
  return {
    name: `${operation} ${subscription}`,
    kind: SpanKind.CONSUMER,
    attributes: { ...attributes, ...more },
    measure: { of: 'messaging', attributes },
  }
}

function ofEvent({ id, stream, type, position, metadata, tenant }: RecordedEvent): Attributes {
  return {
    'messaging.destination.name': categoryOf(stream),
    'messaging.message.id': id,
    'messaging.message.conversation_id': metadata.correlationId,
    'dacapo.event.type': type,
    'dacapo.stream': stream,
    'dacapo.position': position,
    ...tenantOf(tenant),
  }
}
