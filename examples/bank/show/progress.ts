/** How far the job is: a bar on a terminal, now and then a line elsewhere. */
import { newBar } from './bar.ts'
import { say } from './terminal.ts'

export interface Progress {
  update(bytesRead: number, lines: number): void
  stop(): void
}

/** @param totalBytes  0 when it is not known, e.g. for a pipe. */
export function showProgress(totalBytes: number): Progress {
  const started = performance.now()
  const percent = (bytes: number) => (totalBytes > 0 ? `${Math.floor((bytes / totalBytes) * 100)} %` : '')
  const facts = (bytes: number, lines: number) => {
    const perSecond = Math.round(lines / Math.max(0.001, (performance.now() - started) / 1000))
    return [percent(bytes), `${lines.toLocaleString('en')} lines`, `${perSecond.toLocaleString('en')}/s`].filter(Boolean).join(' · ')
  }
  return process.stdout.isTTY ? bar(totalBytes, facts) : occasionalLines(facts)
}

type Facts = (bytes: number, lines: number) => string

function bar(totalBytes: number, facts: Facts): Progress {
  const drawn = newBar()
  drawn.start(totalBytes, 0, { facts: facts(0, 0) })
  return {
    update: (bytes, lines) => drawn.update(bytes, { facts: facts(bytes, lines) }),
    stop: () => drawn.stop(),
  }
}

function occasionalLines(facts: Facts): Progress {
  let last = performance.now()
  return {
    update(bytes, lines) {
      if (performance.now() - last < 2000) return
      last = performance.now()
      say(facts(bytes, lines))
    },
    stop() {},
  }
}
