/**
 * Prints a day at the bank, as it comes in; `commands.jsonl` is one. The same seed makes the same day.
 *
 *   node examples/bank/make-commands.ts > examples/bank/commands.jsonl
 *
 * Senders that got no answer send again, so some lines come twice, soon or much later; two keys come back with another
 * amount; and here and there a line is broken.
 */
import { day } from './make/day.ts'
import { mistakes } from './make/mistakes.ts'
import { random } from './make/random.ts'

const enough = 25_000
const keysReusedAt = [9_000, 21_000]

const { chance, int } = random(7)
const lines: string[] = []
/** Copies that come later, by the number of the line they follow. */
const copies = new Map<number, string[]>()
let broken = 0
let reused = 0

for (const line of day(20_260_302, '2026-03-02', () => lines.length / enough)) {
  const text = JSON.stringify(line)
  write(text)
  if (chance(0.015)) copyAfter(lines.length + (chance(0.5) ? int(1, 30) : int(1_000, 20_000)), text)

  if ('amount' in line.input && line.command !== 'Transfer') {
    if (chance(0.0032)) write(mistakes[broken++ % mistakes.length]!({ ...line, key: `${line.key}b` }))
    if (lines.length > (keysReusedAt[reused] ?? enough)) {
      write(JSON.stringify({ ...line, input: { ...line.input, amount: Number(line.input.amount) + 1 } }))
      reused++
    }
  }
  if (lines.length >= enough) break
}
process.stdout.write(`${lines.slice(0, enough).join('\n')}\n`)

function write(text: string): void {
  lines.push(text)
  for (const copy of copies.get(lines.length) ?? []) write(copy)
}

function copyAfter(line: number, text: string): void {
  copies.set(line, [...(copies.get(line) ?? []), text])
}
