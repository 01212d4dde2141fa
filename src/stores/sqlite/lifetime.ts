/** From the first use to the end: opens when it is first needed, and closes when nothing is under way any more. */
import { StoppedError } from '../../core/errors.ts'
import type { Connections } from './connections.ts'

/** The life of a store. */
export interface Lifetime {
  /** Runs something that `close` waits for. @throws StoppedError after `close`. */
  during<T>(work: (connections: Connections) => Promise<T> | T): Promise<T>
  /** What is open; opens it. A failure is not kept: the next call tries again. */
  open(): Promise<Connections>
  /** What is open, if it is. */
  readonly opened: Connections | undefined
  close(): Promise<void>
}

/** @param connect  opens. */
export function lifetime(connect: () => Promise<Connections>): Lifetime {
  let opening: Promise<Connections> | undefined
  let opened: Connections | undefined
  let closing: Promise<void> | undefined
  let underWay = 0
  let idle = () => {}

  function open(): Promise<Connections> {
    opening ??= connect().then(
      (connections) => {
        opened = connections
        return connections
      },
      (error) => {
        opening = undefined
        throw error
      },
    )
    return opening
  }

  async function end(): Promise<void> {
    if (underWay > 0) {
      await new Promise<void>((resolve) => {
        idle = resolve
      })
    }
    opened?.close()
    opened = undefined
  }

  return {
    open,
    get opened() {
      return opened
    },
    async during(work) {
      if (closing) throw new StoppedError('The SQLite store')
      underWay++
      try {
        return await work(opened ?? (await open()))
      } finally {
        if (--underWay === 0) idle()
      }
    },
    close() {
      closing ??= end()
      return closing
    },
  }
}
