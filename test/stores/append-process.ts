/** Run as a process of its own: appends single events to one stream and prints each version that was acknowledged. */
import { writeSync } from 'node:fs'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { append, to } from './support.ts'

const [file, stream, count] = process.argv.slice(2) as [string, string, string]
const store = sqlite(file)
for (let n = 0; n < Number(count); n++) {
  const result = await append(store, to(stream))
  if (result.kind !== 'appended') throw new Error(result.kind)
  // Written at once, so that a kill does not take back what was said.
  writeSync(1, `${result.version}\n`)
}
await store.close()
