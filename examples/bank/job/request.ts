/** A line of the file, read: who asks for what, and the key that makes asking twice harmless. */
import { z } from 'zod'
import { longestLine } from './lines.ts'

const requestSchema = z.object({
  key: z.string().min(1).max(512),
  actor: z.object({ id: z.string().min(1), roles: z.array(z.string()) }),
  command: z.string(),
  input: z.record(z.string(), z.unknown()),
})

export type Request = z.infer<typeof requestSchema>

/** Reads a line, or says what is wrong with it. */
export function parseRequest(text: string): { readonly request: Request } | { readonly problem: string } {
  if (text.trim() === '') return { problem: 'the line is empty' }
  if (text.length > longestLine) return { problem: `the line has more than ${longestLine} characters` }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return { problem: `not JSON: ${(error as SyntaxError).message.replace(/ \(line 1 column \d+\)$/, '')}` }
  }
  const { data, error } = requestSchema.safeParse(json)
  return data ? { request: data } : { problem: issuesText(error.issues) }
}

/** What the request has to wait for: earlier ones with the same account or the same key. */
export function touches({ key, input }: Request): readonly string[] {
  const accounts = [input.accountId, input.from, input.to].filter((id) => typeof id === 'string')
  return [...new Set([`key ${key}`, ...accounts.map((id) => `account ${id}`)])]
}

/** `amount: Too small; to: …`, as one line. */
export function issuesText(issues: readonly { readonly message: string; readonly path: readonly PropertyKey[] }[]): string {
  return issues.map(({ message, path }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join('; ')
}
