import { SingleBar } from 'cli-progress'
import { paint } from './terminal.ts'

/** A bar in the terminal, with facts behind it. @param clears  whether it is gone at the end. */
export function newBar({ clears = false } = {}): SingleBar {
  return new SingleBar({
    format: `  ${paint.cyan('{bar}')} {facts}`,
    barsize: 30,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    stream: process.stdout,
    hideCursor: true,
    clearOnComplete: clears,
    gracefulExit: false, // Ctrl-C is the program's own business
  })
}
