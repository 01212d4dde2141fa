/** Dacapo's subscriptions, as they come: handlers and async projections of an app on the store that is measured. */
import { DatabaseSync, StatementSync } from 'node:sqlite'
import type { EventStore } from 'dacapo'
import { createApp, eventHandler, projection } from './built-dacapo.ts'
import { Entered } from './entered.ts'
import { countCalls, type Followers, nameOfRun } from './followers.ts'
import { evolve, initial } from './payload.ts'
import type { StoreName } from './system.ts'

export function dacapoFollowers(kind: StoreName, store: EventStore): Followers & { stop(): Promise<void> } {
  const apps: Stoppable[] = []
  const statements = kind === 'sqlite' ? countStatements() : undefined

  const onEvent = (name: string, handle: () => Promise<void>) => eventHandler(nameOfRun(name), { events: [Entered], handle })

  async function start<A extends Stoppable>(app: A): Promise<A> {
    apps.push(app)
    await app.start()
    return app
  }

  return {
    async catchUp(events) {
      let count = 0
      let done = () => {}
      const all = new Promise<void>((resolve) => {
        done = resolve
      })
      const counter = onEvent('counter', async () => {
        if (++count === events) done()
      })
      await start(createApp({ store, commands: [], handlers: [counter] }))
      await all
    },
    async project(events) {
      const entries = projection(nameOfRun('entries'), {
        events: [Entered],
        consistency: 'async',
        key: (event) => event.subject,
        initial,
        evolve: { Entered: (row, { data }) => evolve(row, data) },
      })
      const app = await start(createApp({ store, commands: [], projections: [entries] }))
      const view = app.view(entries)
      await view.get('0', { atLeast: events, timeout: { seconds: 200 } })
      let found = 0
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const page = await view.list({ limit: 1000, ...(after === undefined ? {} : { after }) })
        for (const { row } of page.rows) found += row.entries
        after = page.next
      }
      return found
    },
    async listen(heard) {
      await start(createApp({ store, commands: [], handlers: [onEvent('listener', async () => heard())] }))
    },
    async idle(count) {
      const handlers = Array.from({ length: count }, (_, n) => onEvent(`idle-${n}`, async () => {}))
      await start(createApp({ store, commands: [], handlers }))
    },
    ...(statements ? { statements } : {}),
    async stop() {
      for (const app of apps) await app.stop({ keepStore: true })
    },
  }
}

interface Stoppable {
  start(): Promise<void>
  stop(options: { readonly keepStore: true }): Promise<void>
}

function countStatements(): () => number {
  const prepared = countCalls(StatementSync.prototype, ['all', 'get', 'run', 'iterate'])
  const others = countCalls(DatabaseSync.prototype, ['exec'])
  return () => prepared() + others()
}
