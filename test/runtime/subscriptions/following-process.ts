/** Run as a process of its own: follows a log until it is killed. Arguments: which store, where it is, the file of what was handled. */
import { appendFileSync } from 'node:fs'
import { createApp, eventHandler } from '../../../src/index.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { sqlite } from '../../../src/stores/sqlite/index.ts'
import { MoneyDeposited, MoneyWithdrawn, transferMoney } from '../../domain/bank.ts'
import { sums } from './follow.ts'

const [kind, place, schema, witnessed] = process.argv.slice(2) as [string, string, string, string]

const witness = eventHandler('witness', {
  events: [MoneyDeposited, MoneyWithdrawn],
  partitions: 4,
  // One write, which the system makes whole, behind those of all others.
  handle: ({ stream, version }) => appendFileSync(witnessed, `${stream} ${version}\n`),
})

const app = createApp({
  store: kind === 'postgres' ? postgres(place, { schema, maxConnections: 4 }) : sqlite(place, { synchronous: 'NORMAL' }),
  commands: [],
  projections: [{ ...sums, partitions: 3 }],
  handlers: [witness],
  processes: [{ ...transferMoney, partitions: 2 }],
  defaults: { subscriptions: { lease: { seconds: 1 } } },
})
await app.start()
