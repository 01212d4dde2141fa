/** 32 callers on one stream, with each library's own way to meet conflicts. */
import { drive } from './drive.ts'
import { usual, type Workload } from './workload.ts'

const stream = 'account-hot'
const callers = 32

export const hotStream: Workload = {
  ...usual,
  name: 'hot-stream',
  unit: 'commands/s',
  callers,
  note: 'Emmett: retry on version conflict switched on',
  async fill(system) {
    await system.append([stream], 20)
  },
  async measure(system, { callers, perCall, quick }) {
    const calls = quick ? 10 : 50
    const names = Array.from({ length: perCall }, () => stream)
    const { succeeded, failed, reason, seconds } = await drive(
      callers,
      (n) => n < calls,
      () => system.command(names),
    )
    const found = await system.readStream(stream)
    const expected = 20 + succeeded * perCall
    if (found !== expected) throw new Error(`${found} events where ${expected} were acknowledged.`)
    return { value: (succeeded * perCall) / seconds, failed, reason }
  },
}
