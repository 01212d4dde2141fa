/** Standard Schema (zod, valibot, arktype, …): parse a value, or say what is wrong with it. */
import { DefinitionError, type Issue, ValidationError } from './errors.ts'

/** Any schema that implements version 1 of Standard Schema. It stands here in full, so that the package depends on no other. */
export interface Schema<I = any, O = I> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Validated<O> | Promise<Validated<O>>
    /** Carries the types; there need be nothing at run time. */
    readonly types?: { readonly input: I; readonly output: O } | undefined
  }
}
type Validated<O> = { readonly value: O; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] }
interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a caller gives to a schema. */
export type In<S extends Schema> = NonNullable<S['~standard']['types']>['input']
/** What a schema makes of it. */
export type Out<S extends Schema> = NonNullable<S['~standard']['types']>['output']

/**
 * Parses a value; the schema may be asynchronous. A schema that is not stays synchronous: no promise, no turn lost.
 *
 * @throws ValidationError (`ES_VALIDATION`) with the schema's issues and their paths.
 */
export function parse(schema: Schema, value: unknown, what: string): unknown | Promise<unknown> {
  const result = schema['~standard'].validate(value)
  return result instanceof Promise ? result.then((settled) => unwrap(settled, what)) : unwrap(result, what)
}

/**
 * Parses a value where there is no time to wait.
 *
 * @throws ValidationError (`ES_VALIDATION`), or DefinitionError (`ES_DEFINITION`) for an asynchronous schema.
 */
export function parseSync(schema: Schema, value: unknown, what: string): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    result.catch(() => {}) // the refusal below is the answer; its late outcome must not become an unhandled rejection
    throw new DefinitionError(
      `${what} has an asynchronous schema: events are made inside decide, which is synchronous. Check it in validate.`,
    )
  }
  return unwrap(result, what)
}

/** Whether a value fits; what only an asynchronous schema could tell is taken for granted. */
export function accepts(schema: Schema, value: unknown): boolean {
  const result = schema['~standard'].validate(value)
  if (!(result instanceof Promise)) return !result.issues
  result.catch(() => {}) // nobody waits for it
  return true
}

/** Refuses what is not a Standard Schema where it is written, instead of at its first use. */
export function assertSchema(schema: unknown, what: string): void {
  if (typeof (schema as { '~standard'?: { validate?: unknown } } | undefined)?.['~standard']?.validate !== 'function') {
    throw new DefinitionError(`${what} needs a Standard Schema (zod, valibot, arktype, …).`)
  }
}

function unwrap(result: Validated<unknown>, what: string): unknown {
  if (result.issues) throw new ValidationError(what, result.issues.map(toIssue))
  return result.value
}

function toIssue(issue: SchemaIssue): Issue {
  // Array.from: a library's own array type, with members of its own, must not travel on in an error.
  const path = Array.from(issue.path ?? [], (segment) => (typeof segment === 'object' ? segment.key : segment))
  return { message: issue.message, path: path.map((key) => (typeof key === 'number' ? key : String(key))) }
}
