/** Events: callable values. `MoneyDeposited({ amount: 5 })` checks the data and makes the event. */
import { DefinitionError, UpcastError } from './errors.ts'
import type { Codec, HasNotJson } from './json.ts'
import { assertSchema, type In, type Out, parseSync, type Schema } from './schema.ts'
import type { TypeProblem } from './type-problem.ts'

/** A fact, past tense: what `decide` returns. */
export interface DomainEvent<T extends string = string, D = unknown> {
  readonly type: T
  readonly data: D
}

/** Options of one schema version of an event. */
export interface EventOptions<D> {
  /** Makes the event findable by decisions and queries, e.g. `course:42`. Tags are strings of 1–256 characters. */
  readonly tags?: (data: D) => readonly string[]
  /** For data that JSON cannot keep, e.g. a Date or a bigint. */
  readonly codec?: Codec<D>
}

/** A callable event type: `MoneyDeposited({ amount: 5 })` makes the event. */
export interface EventType<T extends string = string, D = unknown, I = D> {
  (data: I): DomainEvent<T, D>
  readonly kind: 'event'
  readonly type: T
  /** Schema version, from 1; each `upcast` adds one. */
  readonly schemaVersion: number
  /** Declares the next schema version and how a stored event of this one becomes it. Stored bytes are never rewritten. */
  upcast<S extends Schema>(next: S, up: (previous: D) => In<S>, options: WithCodec<Out<S>>): EventType<T, Out<S>, In<S>>
  upcast<S extends Schema>(
    next: S & KeepableSchema<S>,
    up: (previous: D) => In<S>,
    options?: Pick<EventOptions<Out<S>>, 'tags'>,
  ): EventType<T, Out<S>, In<S>>
  /**
   * Reads stored data of any earlier schema version.
   *
   * @throws UpcastError (`ES_UPCAST`) an upcaster threw, or made something that its schema refuses.
   */
  read(data: unknown, schemaVersion: number): D
  readonly '~versions': readonly EventVersion[]
}

/** One schema version of an event, and how it is reached from the one before. */
export interface EventVersion {
  readonly schema: Schema
  readonly up: ((previous: any) => unknown) | undefined
  readonly tags: ((data: any) => readonly string[]) | undefined
  readonly codec: Codec<any> | undefined
}

/** Any event type. */
export type AnyEventType = EventType<string, any, any>
/** The event that a type makes. */
export type EventOf<ET extends AnyEventType> = ReturnType<ET>
/** The members of a union of events that have the type `T`. */
export type ByType<E extends DomainEvent, T extends string> = Extract<E, { readonly type: T }>

/** `unknown` when JSON can keep what the schema makes, else a type whose text is the reason. */
export type KeepableSchema<S extends Schema> =
  true extends HasNotJson<Out<S>>
    ? TypeProblem<'JSON cannot keep what this schema makes: add { codec: { encode, decode } }, or use plain JSON types.'>
    : unknown

/** Options with a codec: then the schema may make anything. */
export type WithCodec<D> = EventOptions<D> & { readonly codec: Codec<D> }

/**
 * Defines an event: a name in the past tense and the shape of its data, from any Standard Schema library.
 *
 * @param type     stored with each event; never rename it once events exist.
 * @param schema   synchronous; checked when an event is made, not when it is read.
 * @param options  `tags` make it findable, `codec` keeps what JSON cannot.
 * @throws (the made function) ValidationError (`ES_VALIDATION`)
 * @example
 * const MoneyDeposited = event('MoneyDeposited', z.object({ amount: z.int().positive() }))
 */
export function event<const T extends string, S extends Schema>(type: T, schema: S, options: WithCodec<Out<S>>): EventType<T, Out<S>, In<S>>
export function event<const T extends string, S extends Schema>(
  type: T,
  schema: S & KeepableSchema<S>,
  options?: Pick<EventOptions<Out<S>>, 'tags'>,
): EventType<T, Out<S>, In<S>>
export function event(type: string, schema: Schema, options?: EventOptions<any>): AnyEventType {
  if (typeof type !== 'string' || type.length === 0 || type.length > 200) {
    throw new DefinitionError(`An event type is a name of 1–200 characters, not ${JSON.stringify(type)}.`)
  }
  return makeEventType(type, [toVersion(type, schema, undefined, options)])
}

/** The definition that made an event, if one did: a stand-alone command need not list its events. */
export function definitionOf(made: DomainEvent): AnyEventType | undefined {
  return makers.get(made)
}

const makers = new WeakMap<DomainEvent, AnyEventType>()

function toVersion(type: string, schema: Schema, up: EventVersion['up'], options: EventOptions<any> = {}): EventVersion {
  assertSchema(schema, `Event ${type}`)
  return { schema, up, tags: options.tags, codec: options.codec }
}

function makeEventType(type: string, versions: readonly EventVersion[]): any {
  const latest = versions[versions.length - 1] as EventVersion
  const what = `data of ${type}`
  const make = (data: unknown): DomainEvent => {
    const made = { type, data: parseSync(latest.schema, data, what) }
    makers.set(made, self)
    return made
  }
  const self: AnyEventType = Object.assign(make, {
    kind: 'event' as const,
    type,
    schemaVersion: versions.length,
    upcast(schema: Schema, up: (previous: any) => unknown, options: EventOptions<any> = {}) {
      if (latest.tags && !options.tags) {
        // Losing them in silence would also lose what decisions guard with them.
        throw new DefinitionError(
          `Event ${type} had tags before this upcast and would have none now: give { tags } as the third argument; { tags: () => [] } for none.`,
        )
      }
      return makeEventType(type, [...versions, toVersion(type, schema, up, options)])
    },
    read: (data: unknown, schemaVersion: number) => readVersion(type, versions, data, schemaVersion),
    '~versions': versions,
  }) as never
  return self
}

function readVersion(type: string, versions: readonly EventVersion[], data: unknown, from: number): unknown {
  const stored = versions[from - 1]
  if (!stored) throw new UpcastError(type, from, versions.length, 'this build only knows versions up to the latter')
  let value = stored.codec ? decoded(type, from, stored.codec, data) : data
  for (let version = from; version < versions.length; version++) {
    const next = versions[version] as EventVersion
    try {
      value = parseSync(next.schema, next.up?.(value), `upcast data of ${type}`)
    } catch (cause) {
      throw new UpcastError(type, from, versions.length, cause)
    }
  }
  return value
}

function decoded(type: string, version: number, codec: Codec<unknown>, data: unknown): unknown {
  try {
    return codec.decode(data)
  } catch (cause) {
    throw new UpcastError(type, version, version, cause)
  }
}
