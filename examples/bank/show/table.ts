/** Tables with quiet borders, never wider than the terminal. */
import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import { paint, width } from './terminal.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Takes what the others leave; what does not fit is wrapped. */
  readonly flexible?: boolean
}

const borders = {
  ...{ top: '─', 'top-mid': '┬', 'top-left': '╭', 'top-right': '╮' },
  ...{ bottom: '─', 'bottom-mid': '┴', 'bottom-left': '╰', 'bottom-right': '╯' },
  ...{ left: '│', middle: '│', right: '│', mid: '─', 'mid-mid': '┼', 'left-mid': '├', 'right-mid': '┤' },
}
const margin = 2

/** Draws a table; cells may be coloured, and at most one column is flexible. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titled = columns.some(({ title }) => title !== '')
  const natural = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => visibleLength(row[i]!))) + 2)
  const needed = natural.reduce((sum, size) => sum + size + 1, margin + 1)
  const drawn = new Table({
    head: titled ? columns.map(({ title }) => paint.dim(title)) : [],
    colAligns: columns.map(({ align }) => align ?? 'left'),
    colWidths: natural.map((size, i) => (columns[i]!.flexible && needed > width ? Math.max(12, size - (needed - width)) : null)),
    wordWrap: true,
    chars: Object.fromEntries(Object.entries(borders).map(([place, char]) => [place, paint.dim(char)])),
    style: { head: [], border: [], compact: true },
  })
  drawn.push(...rows.map((row) => [...row]))
  return drawn.toString().replaceAll(paint.dim('|').split('|').toReversed().join(''), '') // one dim for a whole border
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length
}
