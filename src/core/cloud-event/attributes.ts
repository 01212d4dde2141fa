/** What CloudEvents 1.0 allows in an attribute: names, types, and the rules of the standard ones. */
import { type Issue, ValidationError } from '../errors.ts'
import { isTimestamp } from './timestamp.ts'

/** A value that an attribute may have; timestamps, URIs and bytes are their text. */
export type Attribute = string | number | boolean

const required = ['id', 'source', 'type', 'specversion'] as const
const uri = /^(?:[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*(?:#(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)?$/
const token = "[A-Za-z0-9!#$&^_.+*'`|~-]+"
const mediaType = new RegExp(`^${token}/${token}(?:\\s*;[\\x20-\\x7e]*)?$`)
const forbidden = /\p{Cc}|\p{Cs}|\p{Noncharacter_Code_Point}/u
/** The largest whole number that an attribute may have. */
export const largestInteger = 2 ** 31 - 1

/** What is wrong with the text of a standard attribute, if anything. */
const rules: ReadonlyMap<string, (text: string) => string | undefined> = new Map([
  ['specversion', (text) => (text === '1.0' ? undefined : `must be "1.0", not ${JSON.stringify(text)}`)],
  ['id', present],
  ['type', present],
  ['subject', present],
  [
    'source',
    (text) => present(text) ?? (uri.test(text) ? undefined : 'must be a URI reference; encodeURIComponent makes parts of any text'),
  ],
  ['dataschema', (text) => (uri.test(text) && /^[A-Za-z][A-Za-z0-9+.-]*:./.test(text) ? undefined : 'must be an absolute URI')],
  [
    'time',
    (text) => (isTimestamp(text) ? undefined : `must be a time of RFC 3339, e.g. 2030-01-31T09:30:00Z, not ${JSON.stringify(text)}`),
  ],
  ['datacontenttype', (text) => (mediaType.test(text) ? undefined : 'must be a media type, e.g. application/json')],
])

/** The names that the specification gives a meaning; `data` is not an attribute, but its name is taken. */
export const standardNames: ReadonlySet<string> = new Set([...rules.keys(), 'data'])

/**
 * The attributes among the members of an object, checked. `null` and `undefined` count as not there; `data` is left out.
 *
 * @throws ValidationError (`ES_VALIDATION`) with an issue per attribute; its path is the attribute's name.
 */
export function attributesOf(members: Readonly<Record<string, unknown>>): Record<string, Attribute> {
  const attributes: Record<string, Attribute> = {}
  const issues: Issue[] = []
  for (const name of required) {
    if ((members[name] ?? undefined) === undefined) issues.push({ message: 'is required', path: [name] })
  }
  for (const [name, value] of Object.entries(members)) {
    if (name === 'data' || value === null || value === undefined) continue
    const problem = problemOf(name, value)
    if (problem === undefined) attributes[name] = value as Attribute
    else issues.push({ message: problem, path: [name] })
  }
  if (issues.length > 0) throw new ValidationError('A CloudEvent', issues)
  return attributes
}

function problemOf(name: string, value: unknown): string | undefined {
  if (!/^[a-z0-9]+$/.test(name)) return 'is not an attribute name: it has lower-case letters and digits only'
  const rule = rules.get(name)
  if (typeof value === 'string') return forbidden.test(value) ? 'has control characters or is not Unicode' : rule?.(value)
  if (rule) return `must be text, not a ${typeof value}`
  if (typeof value === 'boolean') return undefined
  if (typeof value !== 'number') return 'must be text, a whole number or a boolean'
  return Number.isInteger(value) && value <= largestInteger && value >= -largestInteger - 1
    ? undefined
    : `must be a whole number of 32 bits, not ${value}; write it as text`
}

function present(text: string): string | undefined {
  return text.length > 0 ? undefined : 'must not be empty'
}
