/** Pages in, items out. An item that is there is handed out at once: a generator would take several turns for each of them. */

/**
 * The items of pages, one at a time and in order, also when several are asked for at once.
 *
 * @param toItem  makes an item when it is asked for, not before; when it throws, the iteration ends with that error.
 * @param signal  ends the iteration when it aborts, also within a page.
 */
export function oneByOne<P, T>(
  pages: AsyncGenerator<readonly P[]>,
  toItem: (part: P) => T,
  signal?: AbortSignal,
): AsyncIterableIterator<T> {
  let page: readonly P[] = []
  let at = 0
  let turns = 0
  let lastTurn: Promise<unknown> = Promise.resolve()

  /** Whoever asks while another one waits for a page comes after that one. */
  function inTurn<R>(work: () => Promise<R>): Promise<R> {
    turns++
    const turn = lastTurn.then(work).finally(() => turns--)
    lastTurn = turn.catch(() => {})
    return turn
  }

  async function end(): Promise<IteratorResult<T>> {
    page = []
    await pages.return(undefined)
    return { done: true, value: undefined }
  }

  async function pull(): Promise<IteratorResult<T>> {
    while (at >= page.length) {
      if (signal?.aborted) return end()
      const { done, value } = await pages.next()
      if (done) return end()
      page = value
      at = 0
    }
    if (signal?.aborted) return end()
    try {
      return { done: false, value: toItem(page[at++] as P) }
    } catch (error) {
      await end()
      throw error
    }
  }

  return {
    next() {
      if (turns > 0 || at >= page.length || signal?.aborted) return inTurn(pull)
      try {
        return Promise.resolve({ done: false, value: toItem(page[at++] as P) })
      } catch (error) {
        return inTurn(end).then(() => {
          throw error
        })
      }
    },
    return: () => inTurn(end),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
