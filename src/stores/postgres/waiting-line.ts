/** First in, first out, at the same small cost however long the line is; an array would be moved by everybody who leaves it. */

interface Place<T> {
  readonly item: T
  next: Place<T> | undefined
}

/** A line of those who wait. */
export class WaitingLine<T> {
  #first: Place<T> | undefined
  #last: Place<T> | undefined

  get isEmpty(): boolean {
    return this.#first === undefined
  }

  /** Who is next; `undefined` when nobody waits. */
  get first(): T | undefined {
    return this.#first?.item
  }

  append(item: T): void {
    const place: Place<T> = { item, next: undefined }
    if (this.#last) this.#last.next = place
    else this.#first = place
    this.#last = place
  }

  /** Lets somebody in before everybody else. */
  prepend(item: T): void {
    this.#first = { item, next: this.#first }
    this.#last ??= this.#first
  }

  /** Takes out who is next. */
  shift(): T | undefined {
    const place = this.#first
    if (!place) return undefined
    this.#first = place.next
    if (!this.#first) this.#last = undefined
    place.next = undefined // one that has grown old and is dead would keep those behind it alive until a full collection
    return place.item
  }
}
