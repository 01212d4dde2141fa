/**
 * The model of an app: what has happened, in one array, and the outcomes under their keys. Each answer is worked out from
 * nothing, by rules that are plainly right and share no code with what they are held against.
 */
import type { ErrorCode } from '../../../src/core/errors.ts'
import type { ExpectedVersion } from '../../../src/core/event-store.ts'
import { violation } from '../expected-version.ts'

/** An event, with what the rules need to know of it. */
export interface Happened {
  readonly tenant: string
  readonly stream: string
  readonly type: string
  readonly amount?: number
  readonly capacity?: number
  readonly courseId?: string
  readonly studentId?: string
}

/** A request as it is made, with its expectations resolved. */
export interface AppRequest {
  readonly tenant: string
  readonly command: string
  readonly input: Readonly<Record<string, unknown>>
  readonly idempotencyKey?: string
  readonly expectedVersion?: ExpectedVersion
  /** Somebody who may do less. */
  readonly byStranger?: boolean
}

/** What a request comes to. */
export type Answer =
  | { readonly events: readonly string[]; readonly version: number; readonly duplicate: boolean }
  | { readonly no: string; readonly details: unknown; readonly duplicate: boolean }
  | { readonly error: ErrorCode; readonly [field: string]: unknown }

/** What a rule decides. */
export type Decided = readonly Omit<Happened, 'tenant' | 'stream'>[] | { readonly no: string; readonly details?: unknown }

/** What the model must know of a command; `seen` is what has happened in the tenant. */
export interface Rule {
  stream(input: any): string
  decide(seen: readonly Happened[], input: any): Decided
  readonly isForTellers?: true
  /** Its boundary is a query, so it is refused inside a transaction. */
  readonly isDecision?: true
}

/** How long an outcome is kept under its key. */
export const keepOutcomeMs = 5 * 60_000

interface Outcome {
  readonly asked: string
  readonly answer: unknown
  readonly until: number
}

/** An app as it must be. */
export class AppModel {
  /** What is undone together. */
  kept: { readonly log: readonly Happened[]; readonly outcomes: ReadonlyMap<string, Outcome> } = { log: [], outcomes: new Map() }
  readonly #rules: Readonly<Record<string, Rule>>

  constructor(rules: Readonly<Record<string, Rule>>) {
    this.#rules = rules
  }

  /** One command. What its caller did wrong is not remembered, a "no" is. */
  execute(request: AppRequest, now: number, isInTransaction = false): Answer {
    const { tenant, command, input, idempotencyKey } = request
    const known = this.recall<Answer>(tenant, idempotencyKey, [command, input], now)
    if (known) return known
    const answer = this.#decide(request, isInTransaction)
    if ('duplicate' in answer) this.remember(tenant, idempotencyKey, [command, input], answer, now)
    return answer
  }

  #decide({ tenant, command, input, expectedVersion = 'any', byStranger }: AppRequest, isInTransaction: boolean): Answer {
    const rule = this.#rules[command]!
    const stream = rule.stream(input)
    const version = this.version(tenant, stream)
    if (rule.isDecision && isInTransaction) return { error: 'ES_UNSUPPORTED' }
    if (rule.isForTellers && byStranger) return { error: 'ES_FORBIDDEN', duplicate: false }
    const { code, ...fields } = violation(stream, expectedVersion, version) ?? {}
    if (code) return { error: code, ...fields }
    const decided = rule.decide(
      this.kept.log.filter((event) => event.tenant === tenant),
      input,
    )
    if ('no' in decided) return { no: decided.no, details: decided.details, duplicate: false }
    this.happen(decided.map((event) => ({ ...event, tenant, stream })))
    return { events: decided.map(({ type }) => type), version: version + decided.length, duplicate: false }
  }

  /** Also what others do, past every rule. */
  happen(events: readonly Happened[]): void {
    this.kept = { ...this.kept, log: [...this.kept.log, ...events] }
  }

  /** The answer that is kept under a key, unless it has expired; a key that belongs to something else is refused. */
  recall<A extends object>(
    tenant: string,
    key: string | undefined,
    asked: unknown,
    now: number,
  ): A | { readonly error: ErrorCode } | undefined {
    const found = this.kept.outcomes.get(JSON.stringify([tenant, key]))
    if (!found || found.until < now) return undefined
    if (found.asked !== JSON.stringify(asked)) return { error: 'ES_IDEMPOTENCY_MISMATCH' }
    return { ...(found.answer as A), duplicate: true }
  }

  remember(tenant: string, key: string | undefined, asked: unknown, answer: object, now: number): void {
    if (key === undefined) return
    const outcome = { asked: JSON.stringify(asked), answer, until: now + keepOutcomeMs }
    this.kept = { ...this.kept, outcomes: new Map([...this.kept.outcomes, [JSON.stringify([tenant, key]), outcome]]) }
  }

  stream(tenant: string, stream: string): readonly Happened[] {
    return this.kept.log.filter((event) => event.tenant === tenant && event.stream === stream)
  }

  version(tenant: string, stream: string): number {
    return this.stream(tenant, stream).length
  }

  streamOf({ command, input }: Pick<AppRequest, 'command' | 'input'>): string {
    return this.#rules[command]!.stream(input)
  }
}
