/** The acknowledgement log of one writer's life: what the bank has answered, one line each, on the disk. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Outcome } from '../examples/bank/job/settle.ts'

/** `early`: written before there was an outcome. Only the control does that. */
export type Answer = Outcome | { readonly kind: 'early' }

export interface Acknowledgement {
  /** Of the request, in its writer's sequence. */
  readonly number: number
  readonly key: string
  readonly answer: Answer
}

/**
 * Opens a log for writing. A line is with the operating system when `write` returns, so a killed process has not lost it; one
 * sync follows for all lines of a turn.
 */
export function openAcknowledgements(file: string) {
  const fd = openSync(file, 'a')
  let syncing = false
  const sync = () => {
    syncing = false
    fsyncSync(fd)
  }
  return {
    write(acknowledgement: Acknowledgement): void {
      writeSync(fd, `${JSON.stringify(acknowledgement)}\n`)
      if (!syncing) setImmediate(sync)
      syncing = true
    },
    close(): void {
      sync()
      closeSync(fd)
    },
  }
}

/** All acknowledgements of a log; a last line without its end was cut by a kill and was never given. */
export function readAcknowledgements(file: string): readonly Acknowledgement[] {
  const text = readFileSync(file, { encoding: 'utf8', flag: 'a+' }) // a writer may be killed before it has made the file
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}
