/**
 * The gate in front of every store: what is kept is JSON, and nothing else gets in silently.
 *
 * JSON.stringify would drop a Map, turn a Date into a string and NaN into null; later folds would see other data than the
 * command did. So each value is checked first, and refused with the path to what is wrong.
 */
import { SerializationError } from './errors.ts'

/** What the compiler can see that JSON cannot keep. (Class instances look like plain objects to it; `toJson` finds them.) */
type NotJson =
  | bigint
  | symbol
  | Date
  | RegExp
  | ReadonlyMap<any, any>
  | ReadonlySet<any>
  | ArrayBuffer
  | ArrayBufferView
  | ((...args: any[]) => any)

/** `true` when a member, up to three levels down, is something that JSON cannot keep; deeper ones are left to `toJson`. */
export type HasNotJson<T, Levels extends readonly unknown[] = [1, 2, 3]> = 0 extends 1 & T
  ? false
  : T extends NotJson
    ? true
    : T extends object
      ? Levels extends readonly [unknown, ...infer Rest]
        ? true extends { readonly [K in keyof T]-?: HasNotJson<T[K], Rest> }[T extends readonly unknown[] ? number & keyof T : keyof T]
          ? true
          : false
        : false
      : false

const deepest = 200

/**
 * Encodes a value that JSON keeps.
 *
 * @param what  names the value in the error, e.g. `data of MoneyDeposited`.
 * @throws SerializationError (`ES_SERIALIZATION`) with the path of the first member that JSON cannot keep.
 */
export function toJson(value: unknown, what: string): string {
  if (!isJson(value, 0)) {
    const [path, reason] = firstProblem(value, '', 0)
    throw new SerializationError(`${what} cannot be kept as JSON: ${path || 'it'} ${reason}. Use plain JSON values, or a codec.`, path)
  }
  return JSON.stringify(value)
}

/** Reads what `toJson` wrote. */
export function fromJson(text: string): unknown {
  return JSON.parse(text)
}

/** The fast check; the slow one below finds the path when this one says no. */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth > deepest) return false
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isJson(value[i], depth + 1)) return false
    return true
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    if (member !== undefined && !isJson(member, depth + 1)) return false
  }
  return true
}

function firstProblem(value: unknown, path: string, depth: number): [path: string, reason: string] {
  if (value === undefined) return [path, 'is undefined']
  if (typeof value === 'number') return [path, `is ${value}`]
  if (typeof value !== 'object' || value === null) return [path, `is a ${typeof value}`]
  if (depth > deepest) return [path, `is nested deeper than ${deepest} levels, or contains itself`]
  if (Array.isArray(value)) {
    // By index: the iteration methods skip holes, and a hole is not JSON.
    for (let i = 0; i < value.length; i++) if (!isJson(value[i], depth + 1)) return firstProblem(value[i], `${path}[${i}]`, depth + 1)
  }
  const name = Object.getPrototypeOf(value)?.constructor?.name
  if (name !== 'Object' && name !== undefined) return [path, `is a ${name}`]
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined && !isJson(member, depth + 1)) return firstProblem(member, path ? `${path}.${key}` : key, depth + 1)
  }
  return [path, 'cannot be read']
}

/** A codec turns values that JSON cannot keep into JSON and back. */
export interface Codec<T> {
  encode(value: T): unknown
  decode(json: any): T
}
