/** Cuts a stream of PostgreSQL's protocol into its messages. */

/** A client's first message has no type; every other one begins with it. */
export class Messages {
  #rest: Buffer = Buffer.alloc(0)
  #lengthAt: number

  constructor(side: 'client' | 'server') {
    this.#lengthAt = side === 'client' ? 0 : 1
  }

  /** The messages that are complete with this chunk; the bytes after them wait for the next. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const messages: Buffer[] = []
    for (;;) {
      if (this.#rest.length < this.#lengthAt + 4) return messages
      const length = this.#lengthAt + this.#rest.readInt32BE(this.#lengthAt)
      if (this.#rest.length < length) return messages
      messages.push(this.#rest.subarray(0, length))
      this.#rest = this.#rest.subarray(length)
      this.#lengthAt = 1
    }
  }
}

/** The type of a message: `Q` query, `P` parse, `B` bind, `S` sync; from the server, `Z` ready for the next query. */
export const typeOf = (message: Buffer): string => String.fromCharCode(message[0]!)

/** The texts in a message's body up to the given number of them, each of which ends with a zero byte. */
export function textsOf(message: Buffer, count: number): readonly string[] {
  return message.toString('utf8', 5).split('\0', count)
}
