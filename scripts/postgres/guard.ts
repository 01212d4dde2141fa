/** Sees to it that a server does not outlive the process that started it, however that one ends, and leaves no folder behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * It reads until its input ends, which the operating system does when the process at the other end is gone. What it has read last is the
 * process that makes the data folder, if that is still at work: it is not interrupted, because it would leave shared memory behind.
 */
const WAIT_AND_SWEEP = `
  maker=
  while read -r line; do maker=$line; done

  # In a container the first process may leave the dead unburied.
  works() { kill -0 "$1" && ! grep -qs ') Z ' "/proc/$1/stat"; }
  tries=0
  await_end() { while works "$1" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done; }

  [ -n "$maker" ] && await_end "$maker"
  if read -r pid <"$1/data/postmaster.pid"; then
    kill -QUIT "$pid"
    await_end "$pid"
  fi
  rm -rf "$1"
`

export interface Guard {
  /** The folder is being made by this process; by nobody any more. */
  making(pid: number | undefined): void
  /** Stops what still runs in the folder and removes it. */
  sweep(): Promise<void>
}

/** @param folder  of one server, which has its data in `data`. */
export function guard(folder: string): Guard {
  // A session of its own: Ctrl+C reaches everybody in this one, and the guard has to be the last.
  const child: ChildProcess = spawn('sh', ['-c', WAIT_AND_SWEEP, 'guard', folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  child.unref()
  return {
    making: (pid) => void child.stdin!.write(`${pid ?? ''}\n`),
    async sweep() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.ref()
      const exit = once(child, 'exit')
      child.stdin!.end()
      await exit
    },
  }
}
