/** How far a rebuild is, for the person at the keyboard: one line that changes, or, in a log, a line now and then. */
import type { RebuildProgress } from '../runtime/rebuild/pace.ts'

/** Where lines go. */
export interface Terminal {
  readonly isTTY?: boolean
  write(text: string): unknown
}

export interface ProgressLine {
  /** Shows how far it is. */
  show(progress: RebuildProgress): void
  /** Ends the line, so that others can follow. */
  end(): void
}

const barWidth = 24
/** Between two lines of a log. */
const everyMs = 5000
/** Moves to the beginning of the line and clears it. */
const clear = '\r\u001b[K'

/** @param now  in milliseconds. */
export function progressLine(terminal: Terminal, now: () => number): ProgressLine {
  let shownAt = Number.NEGATIVE_INFINITY
  let isOpen = false
  return {
    show(progress) {
      if (terminal.isTTY) {
        terminal.write(clear + lineOf(progress))
        isOpen = true
      } else if (now() >= shownAt + everyMs) {
        terminal.write(`${lineOf(progress)}\n`)
        shownAt = now()
      }
    },
    end() {
      if (isOpen) terminal.write('\n')
      isOpen = false
    },
  }
}

/** `[######------------------]  25 %  12,000 events/s  3 s left` */
export function lineOf({ position, head, perSecond, etaMs }: RebuildProgress): string {
  const share = head === 0 ? 1 : Math.min(1, position / head)
  const done = Math.floor(share * barWidth)
  const bar = '#'.repeat(done) + '-'.repeat(barWidth - done)
  const left = etaMs === undefined || share === 1 ? '' : `  ${spanOf(etaMs)} left`
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %  ${counted(perSecond)} events/s${left}`
}

/** A number with commas, whatever language the machine speaks. */
export const counted = (count: number): string => count.toLocaleString('en-US')

/** `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min` */
export function spanOf(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
