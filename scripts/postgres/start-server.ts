/** A PostgreSQL server for one process, on a port and in a folder of its own; it can be stopped, killed and started again. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, closeSync, cpSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { type Guard, guard } from './guard.ts'
import { type Installation, installationOf } from './installations.ts'

export interface StartedServer {
  readonly version: string
  /** Stays the same for life. */
  readonly url: string
  readonly port: number
  /** Of the first process of the server; another one after a restart. */
  readonly pid: number
  /** `fast` ends the connections and writes everything down, `immediate` leaves a recovery to the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** SIGKILL to the server and all its processes: what a power cut does, but for what the operating system has still to write. */
  kill(): Promise<void>
  /** Starts it again on the same port and data, after a stop if it runs. */
  restart(): Promise<void>
  /** Stops it and removes its folder. Whoever forgets it, or dies before, has a guard that does it. */
  end(): Promise<void>
}

/** The server refuses root; `nobody` is there on every system. */
const nobody = { uid: 65534, gid: 65534 }
const user = process.getuid?.() === 0 ? nobody : undefined

/**
 * @param version  one that is installed; else the newest of `installations()`.
 * @param settings  as in postgresql.conf; `{ fsync: 'off' }` makes it faster and loses nothing when a process is killed, only when the
 *   machine is.
 * @param folderPrefix  how the path of its folder begins; else it is among the temporary files, which may be in memory.
 */
export async function startServer({
  version,
  settings = {},
  folderPrefix = join(tmpdir(), 'dacapo-postgres-'),
}: {
  readonly version?: string | undefined
  readonly settings?: Readonly<Record<string, string>>
  readonly folderPrefix?: string
} = {}): Promise<StartedServer> {
  const installation = await installationOf(version)
  const folder = mkdtempSync(folderPrefix)
  if (user) chownSync(folder, user.uid, user.gid)
  const guardian = guard(folder)
  const data = join(folder, 'data')
  const pidFile = join(data, 'postmaster.pid')
  try {
    const bin = reachable(installation, folder)
    await initdb(bin, data, guardian)

    let port = await freePort()
    let child: ChildProcess | undefined
    const running = () => child !== undefined && child.exitCode === null && child.signalCode === null

    const launch = async () => {
      // Whatever the server leaves in shared memory when it is killed lies in its folder.
      const all = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', dynamic_shared_memory_type: 'mmap', ...settings }
      const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      const log = openSync(join(folder, 'log'), 'w')
      const options = { cwd: folder, detached: true, ...user }
      child = spawn(join(bin, 'postgres'), ['-D', data, ...flags], { stdio: ['ignore', log, log], ...options })
      closeSync(log)
      child.unref() // a process that has nothing else to do may end
      await once(child, 'spawn')
      while (running() && !isReady(pidFile, child.pid!)) await pause(10)
      return running()
    }
    const logged = () => readFileSync(join(folder, 'log'), 'utf8')

    while (!(await launch())) {
      if (!/could not bind/.test(logged())) throw new Error(`PostgreSQL ${installation.version} does not start:\n${logged()}`)
      port = await freePort() // somebody else was faster
    }

    const signal = async (send: () => void) => {
      if (!running()) return
      child!.ref()
      const exit = once(child!, 'exit')
      send()
      await exit
    }
    const server: StartedServer = {
      version: installation.version,
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      port,
      get pid() {
        return child!.pid!
      },
      stop: (mode = 'fast') => signal(() => child!.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')),
      kill: () =>
        signal(() => {
          const pids = [child!.pid!, ...childrenOf(child!.pid!)]
          for (const pid of pids) killIfThere(pid)
        }),
      async restart() {
        await server.stop()
        while (!(await launch())) {
          // The processes of a killed server take a moment to be gone.
          if (!/still in use/.test(logged())) throw new Error(`PostgreSQL ${installation.version} does not start again:\n${logged()}`)
          await pause(10)
        }
      },
      async end() {
        if (running()) await server.stop('immediate')
        else removeTraces(pidFile)
        await guardian.sweep()
      },
    }
    return server
  } catch (error) {
    await guardian.sweep()
    throw error
  }
}

/** Makes the data folder. Detached, so that Ctrl+C does not interrupt it. */
async function initdb(bin: string, data: string, guardian: Guard): Promise<void> {
  const flags = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8']
  const options = { cwd: dirname(data), detached: true, ...user }
  const child = spawn(join(bin, 'initdb'), flags, { stdio: ['ignore', 'ignore', 'pipe'], ...options })
  await once(child, 'spawn')
  guardian.making(child.pid)
  const [complaint, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  guardian.making(undefined)
  if (code !== 0) throw new Error(`initdb failed:\n${complaint}`)
}

/** The programs where the server's user may run them: a checkout in a home folder is closed to others. */
function reachable({ bin }: Installation, folder: string): string {
  if (!spawnSync(join(bin, 'postgres'), ['--version'], { cwd: folder, ...user }).error) return bin
  const copy = join(folder, 'programs')
  cpSync(dirname(bin), copy, { recursive: true, verbatimSymlinks: true })
  return join(copy, 'bin')
}

/** Below the range from which systems give ports to outgoing connections, so that nobody takes it between a stop and a restart. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    const probe = createServer().listen(port, '127.0.0.1')
    const free = await once(probe, 'listening').catch(() => undefined)
    probe.close()
    if (free) return port
  }
}

/** The server tells its state in the eighth line of its lock file. */
function isReady(pidFile: string, pid: number): boolean {
  if (!existsSync(pidFile)) return false
  const lines = readFileSync(pidFile, 'utf8').split('\n')
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready'
}

function childrenOf(pid: number): readonly number[] {
  const file = `/proc/${pid}/task/${pid}/children`
  const pids = existsSync(file) ? readFileSync(file, 'utf8') : (spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout ?? '')
  return pids.split(/\s+/).filter(Boolean).map(Number)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** What a killed server leaves: a segment of shared memory, named in the seventh line of its lock file, and a number that may be given again. */
function removeTraces(pidFile: string): void {
  if (!existsSync(pidFile)) return
  const segment = readFileSync(pidFile, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1]
  if (segment) spawnSync('ipcrm', ['-m', segment])
  rmSync(pidFile)
}
