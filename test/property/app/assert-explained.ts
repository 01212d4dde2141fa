/**
 * Holds answers that were given at the same time against what has happened: a "yes" is what the rules decide on the very state
 * before its events, anything else is what they decide on some state that there was.
 */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { StoredEvent } from '../../../src/core/stored-event.ts'
import { violation } from '../expected-version.ts'
import { onlyDefined } from '../records.ts'
import type { Answer, AppRequest, Happened, Rule } from './app-model.ts'

/** A request with its answer. */
export interface Asked {
  readonly request: AppRequest
  readonly answer: Answer
}

/** A stored event as the rules know it. */
export function happened({ tenant, stream, type, data }: StoredEvent): Happened {
  const { amount, capacity, courseId, studentId } = JSON.parse(data)
  return { ...onlyDefined({ type, amount, capacity, courseId, studentId }), tenant, stream } as Happened
}

/** @param others  how many events were written by somebody who is not among those who asked. */
export function assertExplained(
  log: readonly Happened[],
  rules: Readonly<Record<string, Rule>>,
  asked: readonly Asked[],
  others: number,
): void {
  const written = new Set<number>()
  for (const { request, answer } of asked) {
    if ('duplicate' in answer && answer.duplicate) continue
    if ('error' in answer && answer.error === 'ES_IDEMPOTENCY_MISMATCH') continue
    if (!('error' in answer) && 'events' in answer && answer.events.length > 0) assertWritten(request, answer.version, answer.events.length)
    else assertOnceSo(request, answer)
  }
  assert.equal(log.length - written.size, others, 'every event belongs to one answer')
  assertOneOutcomePerKey(asked)

  function assertWritten({ tenant, command, input, expectedVersion = 'any' }: AppRequest, version: number, count: number): void {
    const rule = rules[command]!
    const stream = rule.stream(input)
    const places = [...log.keys()].filter((i) => log[i]!.tenant === tenant && log[i]!.stream === stream)
    const own = places.slice(version - count, version)
    for (const i of own) assert.ok(!written.has(i) && written.add(i), 'no event belongs to two answers')
    const decided = rule.decide(before(own[0]!, tenant), input)
    assert.deepEqual(
      own.map((i) => log[i]),
      'no' in decided ? decided : decided.map((event) => ({ ...event, tenant, stream })),
    )
    assert.equal(violation(stream, expectedVersion, version - count), undefined)
  }

  function assertOnceSo(request: AppRequest, answer: Answer): void {
    const { tenant, command, input } = request
    const stream = rules[command]!.stream(input)
    const versionIn = (seen: readonly Happened[]) => seen.filter((event) => event.stream === stream).length
    const states = Array.from({ length: log.length + 1 }, (_, i) => before(i, tenant))
    const wasSo = states.some((seen) => isDeepStrictEqual(answerOn(seen, versionIn(seen), request), answer))
    assert.ok(wasSo, `there was never a reason for this answer: ${JSON.stringify({ request, answer })}`)
  }

  /** What a request that writes nothing is told. */
  function answerOn(seen: readonly Happened[], version: number, request: AppRequest): Answer | undefined {
    const { command, input, expectedVersion = 'any', byStranger } = request
    const rule = rules[command]!
    if (rule.isForTellers && byStranger) return { error: 'ES_FORBIDDEN', duplicate: false }
    const { code, ...fields } = violation(rule.stream(input), expectedVersion, version) ?? {}
    if (code) return { error: code, ...fields }
    const decided = rule.decide(seen, input)
    if ('no' in decided) return { no: decided.no, details: decided.details, duplicate: false }
    return decided.length === 0 ? { events: [], version, duplicate: false } : undefined
  }

  function before(place: number, tenant: string): readonly Happened[] {
    return log.slice(0, place).filter((event) => event.tenant === tenant)
  }
}

/** One request under each key is answered first, the same requests are answered alike, and others are refused. */
function assertOneOutcomePerKey(asked: readonly Asked[]): void {
  const byKey = Map.groupBy(asked, ({ request }) => request.idempotencyKey && JSON.stringify([request.tenant, request.idempotencyKey]))
  for (const [key, sharing] of byKey) {
    if (key === undefined) continue
    const first = sharing.find(({ answer }) => 'duplicate' in answer && !answer.duplicate)
    for (const one of sharing) {
      if ('duplicate' in one.answer) {
        assert.deepEqual(whatIsAsked(one), whatIsAsked(first!))
        assert.deepEqual(one.answer, one === first ? first.answer : { ...first!.answer, duplicate: true })
      } else if (one.answer.error === 'ES_IDEMPOTENCY_MISMATCH') assert.notDeepEqual(whatIsAsked(one), whatIsAsked(first!))
    }
  }
}

const whatIsAsked = ({ request: { command, input } }: Asked) => ({ command, input })
