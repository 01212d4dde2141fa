/** The lines of a file, one at a time, however large the file is. */
import { createReadStream } from 'node:fs'

/** Longer lines are cut here: nobody asks for that much, and memory stays bounded. */
export const longestLine = 1024 * 1024

export interface FileLine {
  /** From 1. */
  readonly number: number
  readonly text: string
  /** How many bytes of the file have been read by now. */
  readonly bytesRead: number
}

/** Reads a file line by line; `\r\n` ends a line too, and the last one needs no end. */
export async function* readLines(file: string): AsyncGenerator<FileLine> {
  const decoder = new TextDecoder()
  let number = 0
  let bytesRead = 0
  let rest = ''
  const line = (text: string): FileLine => ({ number: ++number, text: text.endsWith('\r') ? text.slice(0, -1) : text, bytesRead })

  for await (const chunk of createReadStream(file)) {
    bytesRead += chunk.length
    const texts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = texts.pop()!.slice(0, longestLine + 1)
    for (const text of texts) yield line(text)
  }
  rest += decoder.decode()
  if (rest !== '') yield line(rest)
}
