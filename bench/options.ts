/** What can be asked of `npm run bench`. */
import { parseArgs } from 'node:util'
import { serverVariable } from './server.ts'
import { peerNames, type StoreName, type SystemName, storeNames } from './systems/system.ts'
import { workloads } from './workloads/all.ts'
import type { Workload } from './workloads/workload.ts'

/** A run of everything does without those that take longer than all the others together. */
const usually = workloads.filter(({ onDemand }) => !onDemand)
const onDemand = workloads.filter((workload) => workload.onDemand).map(({ name }) => name)

export const help = `npm run bench -- [options]

  --quick           short runs: for a look, not for a claim
  --store NAME      ${storeNames.join(', ')}; default: all; may be given more than once
  --workload NAME   ${workloads.map(({ name }) => name).join(', ')};
                    default: all but ${onDemand.join(', ')}; may be given more than once
  --rounds N        runs of which the median counts; default: 3
  --without-peers   Dacapo and the bare driver only; installs nothing
  --json FILE       writes the results to a file, too

  ${serverVariable}  a PostgreSQL server whose user may create databases; default: the bench starts one of its own`

export interface Options {
  readonly stores: readonly StoreName[]
  readonly workloads: readonly Workload[]
  readonly systems: readonly SystemName[]
  readonly quick: boolean
  readonly rounds: number
  readonly json: string | undefined
  readonly help: boolean
}

/** @throws Error for what it does not know. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      store: { type: 'string', multiple: true, default: [] },
      workload: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '3' },
      'without-peers': { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds must be a whole number from 1, not ${values.rounds}.`)
  return {
    stores: chosen('store', values.store, storeNames, (name) => name),
    workloads: values.workload.length > 0 ? chosen('workload', values.workload, workloads, ({ name }) => name) : usually,
    systems: values['without-peers'] ? ['dacapo', 'raw'] : ['dacapo', ...peerNames, 'raw'],
    quick: values.quick,
    rounds,
    json: values.json,
    help: values.help,
  }
}

/** All, where none is named. */
function chosen<T>(what: string, names: readonly string[], all: readonly T[], nameOf: (one: T) => string): readonly T[] {
  const unknown = names.filter((name) => !all.some((one) => nameOf(one) === name))
  if (unknown.length > 0) throw new Error(`There is no ${what} ${unknown.join(', ')}.`)
  return names.length === 0 ? all : all.filter((one) => names.includes(nameOf(one)))
}
