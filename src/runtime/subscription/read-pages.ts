/**
 * Pages of the log, one after the other, for somebody who does something with each of them: meanwhile the store makes the next one.
 *
 * Invariant: what is in memory is the page that was handed out and the one behind it, at most.
 */
import type { LogPage } from '../../core/stored-event.ts'

/** Reads pages. */
export interface PageReader {
  /**
   * The page behind a position, if there is one; whoever asks for what comes behind the last one need not wait for all of it.
   *
   * @param head  up to where there is something to be read in advance.
   */
  next(after: number, head: number): Promise<LogPage | undefined>
  /** Whether there may be something that was read in advance. */
  readonly isOpen: boolean
  /** Ends what is being read. */
  close(): Promise<void>
}

/** @param open  begins to read behind a position. */
export function readPages(open: (after: number) => AsyncIterable<LogPage>): PageReader {
  interface Reading {
    readonly pages: AsyncIterator<LogPage>
    /** What was handed out ends here. */
    at: number
    ahead: Promise<IteratorResult<LogPage>> | undefined
  }
  let reading: Reading | undefined

  async function close(): Promise<void> {
    const { pages } = reading ?? {}
    reading = undefined
    await pages?.return?.()
  }

  return {
    async next(after, head) {
      if (reading?.at !== after) await close()
      const current: Reading = reading ?? { pages: open(after)[Symbol.asyncIterator](), at: after, ahead: undefined }
      // Whatever ends it or fails, the next one begins anew.
      reading = undefined
      const { done, value: page } = await (current.ahead ?? current.pages.next())
      if (done) return undefined
      const ahead = page.position < head ? current.pages.next() : undefined
      ahead?.catch(() => {}) // whoever asks for it is told
      reading = { pages: current.pages, at: page.position, ahead }
      return page
    },
    get isOpen() {
      return reading !== undefined
    },
    close,
  }
}
