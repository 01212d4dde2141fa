/** Stream names: `<category>-<id>`; the first hyphen separates. */
import { StreamNameError, ValidationError } from './errors.ts'

/** Longest stream name, in UTF-16 code units. */
export const longestStreamName = 1024

const category = /^[A-Za-z0-9_.]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** Refuses what is not a tenant id: printable text of at most 255 characters; `''` is the default tenant. @throws ValidationError */
export function assertTenant(tenant: unknown): void {
  if (typeof tenant === 'string' && tenant.length <= 255 && isPrintable(tenant)) return
  throw new ValidationError('tenant', [`it must be printable text of at most 255 characters, not ${JSON.stringify(tenant)}`])
}

/** `streamName('account', '7')` is `account-7`. */
export function streamName(categoryName: string, id: string): string {
  const name = `${categoryName}-${id}`
  assertStreamName(name)
  return name
}

/**
 * Refuses what is not `<category>-<id>`: a category of letters, digits, `_` and `.`, a hyphen, a printable id.
 *
 * @throws StreamNameError (`ES_STREAM_NAME`)
 */
export function assertStreamName(name: string): void {
  if (typeof name !== 'string') throw new StreamNameError(String(name), 'it must be a string.')
  if (name.startsWith('$')) throw new StreamNameError(name, 'names that start with $ are reserved.')
  const hyphen = name.indexOf('-')
  if (hyphen < 1 || !category.test(name.slice(0, hyphen))) {
    throw new StreamNameError(name, 'it must be <category>-<id>, the category of letters, digits, "_" and ".".')
  }
  if (hyphen === name.length - 1) throw new StreamNameError(name, 'the id after the hyphen is empty.')
  if (name.length > longestStreamName)
    throw new StreamNameError(`${name.slice(0, 40)}…`, `it has more than ${longestStreamName} characters.`)
  if (!isPrintable(name)) throw new StreamNameError(name, 'it has unprintable characters.')
}

/** Refuses a category name that could not start a stream name. */
export function isCategory(name: string): boolean {
  return category.test(name)
}

/** The part before the first hyphen. */
export function categoryOf(stream: string): string {
  const hyphen = stream.indexOf('-')
  return hyphen === -1 ? stream : stream.slice(0, hyphen)
}

/** The part after the first hyphen: the aggregate's own id. */
export function subjectOf(stream: string): string {
  return stream.slice(stream.indexOf('-') + 1)
}

/** No control characters, and no half of a surrogate pair: stores that keep UTF-8 could not tell one from another. */
export function isPrintable(text: string): boolean {
  return !unprintable.test(text) && text.isWellFormed()
}
