/** How far it is, on stderr: a bar on a terminal, a line for each run elsewhere. */
import { SingleBar } from 'cli-progress'

export interface Progress {
  start(run: string): void
  /** How far a long run is. */
  tell(run: string, progress: string): void
  /** @param length  as it was planned. */
  done(run: string, outcome: string, length: number): void
  /** A run that was planned is not needed. */
  skip(length: number): void
  /** A workload is through with all its runs. */
  result(line: string): void
  stop(): void
}

/** @param length  of everything that is planned. */
export function showProgress(length: number): Progress {
  const started = performance.now()
  const left = (finished: number) => {
    if (finished === 0) return 'just begun'
    const seconds = ((performance.now() - started) / 1000 / finished) * (length - finished)
    return seconds < 90 ? `${Math.round(seconds)} s left` : `${Math.round(seconds / 60)} min left`
  }
  return process.stderr.isTTY ? bar(length, left) : lines(length, left)
}

type Left = (finished: number) => string

function bar(length: number, left: Left): Progress {
  const drawn = new SingleBar({
    format: '  {bar} {percentage} % · {left} · {run}',
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false, // Ctrl-C is the bench's own business
  })
  let [finished, current] = [0, '']
  const facts = () => ({ left: left(finished), run: current })
  const begin = () => drawn.start(length, finished, facts())
  const advance = (by: number) => {
    finished += by
    drawn.update(finished, facts())
  }
  begin()
  return {
    start(run) {
      current = run
      drawn.update(facts())
    },
    tell(run, progress) {
      current = `${run}: ${progress}`
      drawn.update(facts())
    },
    done: (_run, _outcome, by) => advance(by),
    skip: advance,
    result(line) {
      drawn.stop()
      console.error(`  ${line}`)
      if (finished < length) begin()
    },
    stop: () => drawn.stop(),
  }
}

function lines(length: number, left: Left): Progress {
  let finished = 0
  return {
    start() {},
    tell: (run, progress) => console.error(`       ${run}: ${progress}`),
    done(run, outcome, by) {
      finished += by
      console.error(`${`${Math.floor((finished / length) * 100)} %`.padStart(5)}  ${run}: ${outcome}  (${left(finished)})`)
    },
    skip(by) {
      finished += by
    },
    result() {}, // its runs have been told
    stop() {},
  }
}
