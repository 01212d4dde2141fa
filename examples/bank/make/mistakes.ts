/** Lines that no bank should take: each maker spoils a good line in its own way. */
import type { Line } from './day.ts'

type Spoil = (line: Line) => string

/** Used in turn, so that each of them is there. */
export const mistakes: readonly Spoil[] = [
  // Not JSON.
  (line) => JSON.stringify(line).slice(0, -17),
  (line) => JSON.stringify(line).replaceAll('"', "'"),
  (line) => JSON.stringify(line).replace('"actor":', ',"actor":'),
  (line) => `${line.key};${line.command};${Object.values(line.input).join(';')}`,
  () => 'ERROR 2026-03-02T11:42:07Z gateway: upstream closed the connection',
  () => '',
  // JSON, but not a command.
  () => 'null',
  (line) => JSON.stringify([line.command, line.input]),
  ({ key: _, ...line }) => JSON.stringify(line),
  ({ actor: _, ...line }) => JSON.stringify(line),
  ({ input: _, ...line }) => JSON.stringify(line),
  (line) => JSON.stringify({ ...line, key: '' }),
  (line) => JSON.stringify({ ...line, actor: { ...line.actor, roles: 'customer' } }),
  // No such command.
  (line) => JSON.stringify({ ...line, command: `${line.command}t` }),
  (line) => JSON.stringify({ ...line, command: line.command.toLowerCase() }),
  (line) => JSON.stringify({ ...line, command: line.command.replace(/(.)(.)$/, '$2$1') }),
  (line) => JSON.stringify({ ...line, command: 'GrantLoan' }),
  // A command, but its input is wrong.
  (line) => withInput(line, { amount: -2500 }),
  (line) => withInput(line, { amount: 0 }),
  (line) => withInput(line, { amount: 19.99 }),
  (line) => withInput(line, { amount: '12,50' }),
  (line) => withInput(line, { amount: undefined }),
  (line) => withInput(line, { amount: null }),
  (line) => withInput(line, { accountId: undefined, from: undefined }),
  (line) => withInput(line, { accountId: 1042, from: 1042 }),
]

function withInput(line: Line, change: Readonly<Record<string, unknown>>): string {
  const changed = Object.entries(change).filter(([field]) => field in line.input)
  return JSON.stringify({ ...line, input: { ...line.input, ...Object.fromEntries(changed) } })
}
