/** Commands on streams of 20 events: load, decide, append. Each stream is used once, so that it does not grow under the measurement. */
import { drive } from './drive.ts'
import { type Load, usual, type Workload } from './workload.ts'

const streamsOf = ({ system, store, quick }: Load): number => {
  if (system === 'emmett' && store === 'sqlite') return quick ? 192 : 640
  return quick ? 1920 : 6400
}

const commands = (name: string, warm: boolean): Workload => ({
  ...usual,
  name,
  unit: 'commands/s',
  callers: 64,
  anyConcurrency: true,
  warm,
  note: warm ? 'Emmett keeps no state warm' : '',
  async fill(system, load) {
    const streams = streamsOf(load)
    for (let n = 0; n < streams; n++) await system.append([`account-${n}`], 20)
    if (warm) for (let n = 0; n < streams; n++) await system.load(`account-${n}`)
  },
  async measure(system, load) {
    const { callers, perCall } = load
    const calls = streamsOf(load) / (callers * perCall)
    const warmUp = Math.floor(calls / 4)
    const call = (caller: number, n: number) => {
      const first = (caller * calls + n) * perCall
      return system.command(Array.from({ length: perCall }, (_, offset) => `account-${first + offset}`))
    }
    await drive(callers, (n) => n < warmUp, call)
    const { succeeded, failed, reason, seconds } = await drive(
      callers,
      (n) => n < calls - warmUp,
      (caller, n) => call(caller, n + warmUp),
    )
    return { value: (succeeded * perCall) / seconds, failed, reason }
  },
})

export const commandWorkloads = [commands('command-64-warm', true), commands('command-64-cold', false)]
