/** Asks an app, or a transaction of it, and says what it came to in the words of the model. */
import { DacapoError } from '../../../src/core/errors.ts'
import { onlyDefined } from '../records.ts'
import type { Answer, AppRequest } from './app-model.ts'
import { stranger, teller } from './random-bank.ts'

/** The part of an app that a request needs; untyped, because requests are random. */
export interface Asked {
  attempt(request: any, asking: any): Promise<any>
}

/** The answer, and the outcome as it was given. */
export async function ask(
  asked: Asked,
  { command, input, idempotencyKey, expectedVersion, byStranger }: AppRequest,
): Promise<{ readonly answer: Answer; readonly outcome?: object }> {
  const asking = {
    actor: byStranger ? stranger : teller,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
  }
  try {
    const outcome = await asked.attempt({ command, input }, asking)
    if (!outcome.ok)
      return { answer: { no: outcome.rejection.code, details: outcome.rejection.details, duplicate: outcome.duplicate }, outcome }
    const { events, version, duplicate } = outcome.receipt
    return { answer: { events: events.map(({ type }: { type: string }) => type), version, duplicate }, outcome }
  } catch (error) {
    return { answer: refusalIn(error) }
  }
}

/** What an error of the framework says; any other is thrown again. */
export function refusalIn(error: unknown): Extract<Answer, { readonly error: unknown }> {
  if (!DacapoError.is(error)) throw error
  const { code, stream, expected, actual, duplicate } = error as DacapoError & Readonly<Record<string, unknown>>
  return { error: code, ...onlyDefined({ stream, expected, actual, duplicate }) }
}
