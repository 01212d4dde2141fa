/** `npm run budgets`: what Dacapo costs, beside what it may cost. Ends with 1 when a budget is exceeded. */
import { table } from '../examples/bank/show/table.ts'
import { paint, say } from '../examples/bank/show/terminal.ts'
import { budgets } from './budgets.ts'
import { bundle, importedByAnApp } from './bundle.ts'
import { instantiations } from './instantiations.ts'
import { allocationsPerCommand, heapPerAggregate } from './memory.ts'
import { pack } from './pack.ts'

interface Figure {
  readonly what: string
  readonly measured: number
  readonly budget: number
}

const { bundleBytes, heapPerAggregate: heapBudget, allocationsPerCommand: allocationBudget } = budgets
const entries = Object.entries(bundleBytes)
const bundles = await Promise.all(entries.map(([entry]) => bundle(entry)))
const app = await bundle('dacapo', importedByAnApp)
const heap = heapPerAggregate()
const inMemory = allocationsPerCommand('memory')
const onSqlite = allocationsPerCommand('sqlite')

const figures: Figure[] = [
  { what: 'type instantiations, 200 aggregates', measured: instantiations(200), budget: budgets.typeInstantiations },
  ...entries.map(([entry, budget], n) => ({ what: `bundle of ${entry}, bytes`, measured: bundles[n]!.gzippedBytes, budget })),
  { what: 'bundle of an app, without its store, bytes', measured: app.gzippedBytes, budget: budgets.appBundleBytes },
  { what: 'installed package, bytes', measured: pack().unpackedSize, budget: budgets.unpackedBytes },
  { what: 'heap of a warm aggregate, bytes', measured: heap.warm, budget: heapBudget.warm },
  { what: 'heap of a hibernated one, bytes', measured: heap.hibernated, budget: heapBudget.hibernated },
  { what: 'heap of one that is gone, bytes', measured: heap.gone, budget: heapBudget.gone },
  { what: 'a warm command in memory, bytes', measured: inMemory.bytes, budget: allocationBudget.memory.bytes },
  { what: 'a warm command in memory, objects', measured: inMemory.objects, budget: allocationBudget.memory.objects },
  { what: 'a warm command on SQLite, bytes', measured: onSqlite.bytes, budget: allocationBudget.sqlite.bytes },
  { what: 'a warm command on SQLite, objects', measured: onSqlite.objects, budget: allocationBudget.sqlite.objects },
]

say('', table([{ title: 'what' }, number('measured'), number('budget'), number('used')], figures.map(draw)))
showLargest('Most allocated in memory, bytes per command', inMemory.sites)
showLargest('Most allocated on SQLite, bytes per command', onSqlite.sites)
showLargest('Largest files in the bundle of dacapo, bytes before gzip', bundles[0]!.largest)
say('')
process.exitCode = figures.some(({ measured, budget }) => measured > budget) ? 1 : 0

function number(title: string) {
  return { title, align: 'right' } as const
}

function draw({ what, measured, budget }: Figure): string[] {
  const used = `${Math.round((measured / budget) * 100)} %`
  return [what, count(measured), count(budget), measured > budget ? paint.red(used) : used]
}

function showLargest(title: string, found: readonly { readonly where: string; readonly bytes: number }[]): void {
  say('', paint.bold(title), ...found.map(({ where, bytes }) => `${count(bytes).padStart(6)}  ${where}`))
}

function count(value: number): string {
  return value.toLocaleString('en')
}
