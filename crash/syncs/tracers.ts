/** Ways to see from outside what a process writes and syncs. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { UsageError } from '../../examples/bank/job/options.ts'

/** How to start a program so that it is traced into a file. */
export interface Tracer {
  readonly name: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** This machine cannot show what is synced: that is neither a pass nor a failure of what was to be watched. */
export class NoTracerError extends UsageError {
  constructor(reason: string) {
    super(`Syncs cannot be counted here: ${reason} (Linux only). Try: apt-get install strace gcc.`)
  }
}

const calls = 'trace=fsync,fdatasync,write,pwrite64,writev,pwritev'

/**
 * The tracer with this name, or the first that works here: strace may be there and yet not be allowed to trace.
 *
 * @param folder  where the shim is compiled.
 * @throws NoTracerError there is none. UsageError there is none of this name.
 */
export function findTracer(name: string | undefined, folder: string, trace: string): Tracer {
  const tracers: readonly (() => Tracer | undefined)[] = [() => strace(trace), () => shim(folder, trace)]
  const names = ['strace', 'shim']
  if (name !== undefined && !names.includes(name)) throw new UsageError(`--tracer is one of ${names.join(', ')}, not ${name}.`)
  for (const [i, make] of tracers.entries()) {
    const tracer = name === undefined || name === names[i] ? make() : undefined
    if (tracer) return tracer
  }
  throw new NoTracerError(
    name === 'shim' ? 'gcc does not work' : name === 'strace' ? 'strace does not work' : 'neither strace nor gcc works',
  )
}

function strace(trace: string): Tracer | undefined {
  const command = ['strace', '-f', '-ttt', '-y', '-s', '64', '-e', calls, '-o', trace]
  return works([...command, 'true']) ? { name: 'strace', command, env: {} } : undefined
}

function shim(folder: string, trace: string): Tracer | undefined {
  const library = join(folder, 'shim.so')
  const source = join(import.meta.dirname, 'shim.c')
  if (process.platform !== 'linux' || !works(['gcc', '-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'])) return undefined
  return { name: 'a shim in front of libc', command: [], env: { LD_PRELOAD: library, SHIM_TRACE: trace } }
}

function works([command, ...args]: readonly string[]): boolean {
  return spawnSync(command as string, args, { stdio: 'ignore' }).status === 0
}
