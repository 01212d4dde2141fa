/** Builds statements out of parts, as values: what differs between SQL stores is only how a parameter is written. */
import type { SqlStatement, SqlValue } from '../../core/sql.ts'

/** Like core's `sql`, but a value may be a statement, which then becomes a part of the new one. */
export function fragment(parts: TemplateStringsArray, ...values: readonly (SqlValue | SqlStatement)[]): SqlStatement {
  const texts = [parts[0] as string]
  const parameters: SqlValue[] = []
  values.forEach((value, i) => {
    const next = parts[i + 1] as string
    if (isStatement(value)) {
      texts.push(`${texts.pop()}${value.parts[0]}`)
      texts.push(...value.parts.slice(1))
      texts.push(`${texts.pop()}${next}`)
      parameters.push(...value.values)
    } else {
      texts.push(next)
      parameters.push(value)
    }
  })
  return { kind: 'sql', parts: texts, values: parameters }
}

/** Text that goes into the statement as it is. Never anything that came from outside. */
export const literal = (text: string): SqlStatement => ({ kind: 'sql', parts: [text], values: [] })

/** Several statements as one, with text in between. */
export function join(statements: readonly SqlStatement[], separator: string): SqlStatement {
  const [first = literal(''), ...rest] = statements
  return rest.reduce((all, next) => fragment`${all}${literal(separator)}${next}`, first)
}

/** A list of parameters, e.g. for `in (…)`. */
export const list = (values: readonly SqlValue[]): SqlStatement =>
  join(
    values.map((value) => fragment`${value}`),
    ', ',
  )

/** The text of a statement; `placeholder` writes the n-th parameter, from 1. */
export function textOf({ parts }: SqlStatement, placeholder: (n: number) => string): string {
  return parts.reduce((text, part, i) => text + placeholder(i) + part)
}

function isStatement(value: SqlValue | SqlStatement): value is SqlStatement {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'sql'
}
