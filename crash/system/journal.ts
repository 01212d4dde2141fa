/**
 * What a client has asked and what it was answered, one line each, in a file that outlives it: the next life asks again what has no
 * answer, under the same keys, and at the end the answers are compared with the log.
 */
import { appendFileSync, readFileSync } from 'node:fs'

/** What a client was told. */
export type Told = 'accepted' | `rejected ${string}`

export interface Journal {
  /** By number, in the order in which they were asked; `undefined`: without an answer. */
  readonly asked: ReadonlyMap<number, Told | undefined>
}

/** A line is with the operating system when this returns, so a killed process has not lost it. */
export const note = {
  asked: (file: string, number: number) => appendFileSync(file, `${number}\n`),
  answered: (file: string, number: number, told: Told) => appendFileSync(file, `${number} ${told}\n`),
}

export function readJournal(file: string): Journal {
  const asked = new Map<number, Told | undefined>()
  for (const line of readFileSync(file, { encoding: 'utf8', flag: 'a+' }).split('\n')) {
    if (line === '') continue
    const [number, ...told] = line.split(' ')
    asked.set(Number(number), told.length > 0 ? (told.join(' ') as Told) : asked.get(Number(number)))
  }
  return { asked }
}
