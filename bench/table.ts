/** The table on stdout; what has to be said about a line stands under it. */
import type { Result } from './result.ts'

const columns = ['store', 'workload', 'unit', 'dacapo', 'emmett', 'raw', 'vsEmmett', 'vsRaw', 'act', 'vsAct'] as const

export function table(results: readonly Result[]): string {
  const rows = [columns as readonly string[], ...results.map((result) => columns.map((column) => cell(column, result[column])))]
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => (row[at] as string).length)))
  const lines = rows.map((row) =>
    row
      .map((text, at) => (at < 3 ? text.padEnd(widths[at] as number) : text.padStart(widths[at] as number)))
      .join('  ')
      .trimEnd(),
  )
  const notes = results.map(({ store, workload, note }) => `${store} ${workload}: ${note}`)
  return [...lines, '', ...notes].join('\n')
}

export function oneLine(result: Result): string {
  const values = (['dacapo', 'emmett', 'act', 'raw'] as const).map((system) => `${system} ${cell(system, result[system])}`)
  return `${result.store} ${result.workload}: ${values.join(' · ')} ${result.unit}`
}

function cell(column: (typeof columns)[number], value: string | number | null): string {
  if (value === null) return '–'
  if (typeof value === 'string') return value
  return value.toLocaleString('en') + (column.startsWith('vs') ? '×' : '')
}
