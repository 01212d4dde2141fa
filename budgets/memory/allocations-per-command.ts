/** Prints what a warm command of the bank allocates: `node allocations-per-command.ts memory|sqlite`. */
import { type HeapProfiler, Session } from 'node:inspector/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createApp, memory } from 'dacapo'
import { sqlite } from 'dacapo/sqlite'
import { deposit, openAccount } from '../../examples/bank/domain/commands.ts'

/** Per command. */
export interface Allocations {
  readonly bytes: number
  readonly objects: number
  /** The functions that allocate most, most first, with what they do through built-in functions. */
  readonly sites: readonly { readonly where: string; readonly bytes: number }[]
}

/** Node's types leave the samples out: one for each allocation, since each is noticed. */
type Profile = HeapProfiler.SamplingHeapProfile & { readonly samples: readonly unknown[] }

const accountIds = Array.from({ length: 100 }, (_, n) => `account-${n}`)
/** By then, what is called in each command has been optimised. */
const warmUpRounds = 40
const rounds = 5
/** Each one is noticed, and none is forgotten when it is collected; Node's types know the first half only. */
const everyAllocation = { samplingInterval: 1, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true }

const actor = { id: 'ann', roles: [] }
const store = process.argv[2] === 'sqlite' ? sqlite(':memory:') : memory()
const bank = createApp({ store, commands: [openAccount, deposit] })

for (const accountId of accountIds) await bank.execute(openAccount({ accountId, owner: 'ann' }), { actor })
await payIn(warmUpRounds)
const { head, samples } = await profileOf(() => payIn(rounds))
await bank.stop()

const commands = rounds * accountIds.length
const bySite = new Map<string, number>()
addUp(head, '')
const figures: Allocations = {
  bytes: Math.round([...bySite.values()].reduce((sum, bytes) => sum + bytes, 0) / commands),
  objects: Math.round(samples.length / commands),
  sites: [...bySite]
    .map(([where, bytes]) => ({ where, bytes: Math.round(bytes / commands) }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 8),
}
console.log(JSON.stringify(figures))

/** One command after the other: none shares an append with another. */
async function payIn(times: number): Promise<void> {
  for (let round = 0; round < times; round++) {
    for (const accountId of accountIds) await bank.execute(deposit({ accountId, amount: 1 }), { actor })
  }
}

async function profileOf(work: () => Promise<void>): Promise<Profile> {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.startSampling', everyAllocation)
  await work()
  const { profile } = await session.post('HeapProfiler.stopSampling')
  return profile as Profile
}

/** What a built-in function allocates counts for its caller: of ours, of Node, or of a package. */
function addUp({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode, caller: string): void {
  const { functionName, url, lineNumber } = callFrame
  const where = url ? `${functionName || '(anonymous)'}  ${fileOf(url)}:${lineNumber + 1}` : caller
  bySite.set(where, (bySite.get(where) ?? 0) + selfSize)
  for (const child of children) addUp(child, where)
}

function fileOf(url: string): string {
  return url.startsWith('file:') ? relative(join(import.meta.dirname, '../..'), fileURLToPath(url)) : url
}
