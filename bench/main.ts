/**
 * `npm run bench`: Dacapo beside Emmett and beside the bare driver, in one run, with the same payloads.
 *
 * Progress on stderr, a table on stdout. `npm run bench -- --help` tells the options.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { installPeers } from './peers.ts'
import { type Result, resultOf } from './result.ts'
import { table } from './table.ts'
import { workloads } from './workloads/all.ts'

const help = `npm run bench -- [--quick] [--store memory|sqlite] [--workload NAME]... [--json FILE]

  --quick     short runs: for a look, not for a claim
  --store     one store; default: both
  --workload  ${workloads.map(({ name }) => name).join(', ')}; default: all
  --json      writes the results to a file, too`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    store: { type: 'string', multiple: true, default: ['memory', 'sqlite'] },
    workload: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const unknown = [
  ...values.workload.filter((name) => !workloads.some((one) => one.name === name)),
  ...values.store.filter((name) => name !== 'memory' && name !== 'sqlite'),
]

if (values.help || unknown.length > 0) {
  console.error(unknown.length > 0 ? `Not known: ${unknown.join(', ')}.\n\n${help}` : help)
  process.exit(unknown.length > 0 ? 1 : 0)
}

const tell = (what: string) => console.error(what)
installPeers(tell)
const results: Result[] = []
for (const store of ['memory', 'sqlite'] as const) {
  if (!values.store.includes(store)) continue
  for (const workload of workloads) {
    if (!workload.stores.includes(store) || (values.workload.length > 0 && !values.workload.includes(workload.name))) continue
    results.push(await resultOf(workload, store, values.quick, tell))
    // What is there is kept, should somebody end a long run.
    if (values.json) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`)
  }
}
console.log(table(results))
