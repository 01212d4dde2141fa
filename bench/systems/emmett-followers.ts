/** What Emmett's consumers do on both databases; how they are made is each one's own. */
import { setTimeout as pause } from 'node:timers/promises'
import { type Followers, nameOfRun } from './followers.ts'

/** A consumer with its processors, ready to be started. */
export interface Consumer {
  start(): Promise<void>
  close(): Promise<void>
  readonly processors: readonly { readonly isActive: boolean }[]
}

export interface Pulling {
  readonly batchSize: number
  readonly pullingFrequencyInMs: number
}

/** @param pulling  absent: as Emmett comes. */
export interface ConsumerMaker {
  /** Calls a function for each event; ends when that says so. */
  counter(names: readonly string[], onEvent: () => boolean, pulling?: Pulling): Consumer
  /** Keeps a row for each stream; ends after so many events. Resolves to how many are in its rows. */
  project(name: string, events: number, pulling: Pulling): Promise<number>
}

export function emmettFollowers(make: ConsumerMaker, statements?: () => number): Followers & { stop(): Promise<void> } {
  const running: Consumer[] = []
  const fast = (batchSize: number): Pulling => ({ batchSize, pullingFrequencyInMs: 1 })

  function goOn(consumer: Consumer): void {
    running.push(consumer)
    consumer.start().catch((error) => console.error(error))
  }
  return {
    async catchUp(events, batch) {
      let count = 0
      await make.counter([nameOfRun('counter')], () => ++count === events, fast(batch)).start()
      if (count !== events) throw new Error(`${count} events where ${events} were written.`)
    },
    project: (events, batch) => make.project(nameOfRun('entries').replaceAll('-', '_'), events, fast(batch)),
    async listen(onEvent) {
      const heard = () => {
        onEvent()
        return false
      }
      goOn(make.counter([nameOfRun('listener')], heard))
    },
    async idle(count) {
      const names = Array.from({ length: count }, (_, n) => nameOfRun(`idle-${n}`))
      const consumer = make.counter(names, () => false)
      goOn(consumer)
      while (consumer.processors.some(({ isActive }) => !isActive)) await pause(50)
    },
    ...(statements ? { statements } : {}),
    async stop() {
      for (const consumer of running) await consumer.close()
    },
  }
}
