/** An error as OpenTelemetry keeps it. */
import { type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api'
import { DacapoError } from '../core/errors.ts'

/** Its code, or its class: few values. */
export function errorTypeOf(error: unknown): Attributes {
  const type = DacapoError.is(error) ? error.code : error instanceof Error ? error.name : '_OTHER'
  return { 'error.type': type }
}

/** Marks a span as failed. */
export function recordError(span: Span, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  span.recordException(error instanceof Error ? error : message)
  span.setAttributes(errorTypeOf(error))
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}
