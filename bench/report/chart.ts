/**
 * README's picture: on SQLite, how much of the bare driver's speed each library reaches, in every workload that a peer has, too.
 *
 * A share and not a rate, so that one linear axis serves all workloads. Memory is left to the table: a floor of arrays in a Map
 * is no aim for a library.
 */
import type { Result } from '../result.ts'
import { workloads } from '../workloads/all.ts'
import { times } from './times.ts'

const series = [
  { system: 'dacapo', name: 'Dacapo' },
  { system: 'emmett', name: 'Emmett' },
  { system: 'act', name: 'Act' },
] as const

const width = 800
const margin = 24
/** Where the bars begin, and how long that of the bare driver is. */
const bars = { left: 268, length: 368, top: 128, height: 11, gap: 3, between: 17 }
const right = { driver: bars.left + bars.length + 10, ratio: width - margin }
const font = '-apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif'

const style = `
text { font: 12.5px ${font}; fill: #1f2328 }
.card { fill: #ffffff; stroke: #d9dee4 }
.title { font-size: 17px; font-weight: 600 }
.quiet { fill: #656d76 }
.small { font-size: 11px }
.strong { font-weight: 600 }
.ratio { font-size: 15px; font-weight: 700; fill: #157a55 }
.driver { fill: #e9edf1 }
.line { stroke: #ccd3da; stroke-dasharray: 2 3 }
.dacapo { fill: #1f9d6f }
.emmett { fill: #e0a13a }
.act { fill: #8f7fd6 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .card { fill: #0d1117; stroke: #2d353e }
  .quiet { fill: #8d96a0 }
  .ratio { fill: #4ccb98 }
  .driver { fill: #20272f }
  .line { stroke: #3b444e }
  .dacapo { fill: #35b884 }
  .emmett { fill: #d9a046 }
  .act { fill: #9d8fe0 }
}`

export function chartOf(results: readonly Result[]): string {
  const shown = results.filter((result) => {
    // The load from a short stream is there to be compared with that from the long one.
    return result.store === 'sqlite' && result.workload !== 'load-snapshot-1000' && present(result).length > 1
  })
  const tracks: string[] = []
  const groups: string[] = []
  let top = bars.top
  for (const result of shown) {
    tracks.push(trackOf(result, top))
    groups.push(groupOf(result, top))
    top += heightOf(result) + bars.between
  }
  const bottom = top - bars.between + 9
  const height = bottom + 62
  const { machine, date } = results[0] as Result
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>Dacapo, Emmett and Act on SQLite: their share of the bare driver’s speed</title>
<style>${style}
</style>
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
${text(margin, 36, 'How much of the bare driver’s speed you keep', 'title')}
${text(margin, 58, 'On SQLite; what is acknowledged is on the disk. 100 % is node:sqlite alone, which writes the same rows, as durably.', 'quiet')}
${legend(92)}
${tracks.join('')}
${axis(bars.top - 9, bottom)}
${groups.join('\n')}
${text(margin, height - 16, `${date} · ${machine} · npm run bench`, 'quiet small')}
</svg>
`
}

function legend(y: number): string {
  let x = bars.left
  const entries = [...series, { system: 'driver', name: 'the driver alone' }].map(({ system, name }) => {
    const entry = `<rect class="${system}" x="${x}" y="${y - 10}" width="12" height="12" rx="3"/>${text(x + 18, y, name)}`
    x += 38 + name.length * 7
    return entry
  })
  return [
    ...entries,
    text(right.driver, y, 'the driver', 'quiet small'),
    text(right.ratio, y - 14, 'Dacapo', 'quiet small', 'end'),
    text(right.ratio, y, 'vs Emmett', 'quiet small', 'end'),
  ].join('')
}

function axis(top: number, bottom: number): string {
  return [0.25, 0.5, 0.75, 1]
    .map((share) => {
      const x = bars.left + share * bars.length
      const line = `<line class="line" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/>`
      return line + text(x, bottom + 15, `${share * 100} %`, 'quiet small', 'middle')
    })
    .join('')
}

/** The bar of the driver, on which the others lie. */
function trackOf(result: Result, top: number): string {
  return `<rect class="driver" x="${bars.left}" y="${top - 4}" width="${bars.length}" height="${heightOf(result) + 8}" rx="4"/>`
}

/** A workload: its name, a bar for each library, what the driver does, and how much better Dacapo is. */
function groupOf(result: Result, top: number): string {
  const { workload, unit, vsEmmett } = result
  const raw = result.raw as number
  const height = heightOf(result)
  const middle = top + height / 2
  const title = workloads.find(({ name }) => name === workload)?.title ?? workload
  const libraries = present(result).map(({ system }, at) => {
    const value = result[system] as number
    const share = Math.min(1, unit === 'ms' ? raw / value : value / raw)
    const y = top + at * (bars.height + bars.gap)
    const length = Math.max(2, share * bars.length)
    const bar = `<rect class="${system}" x="${bars.left}" y="${y}" width="${length.toFixed(1)}" height="${bars.height}" rx="2.5"/>`
    return bar + text(bars.left + length + 6, y + bars.height - 1.5, number(value), system === 'dacapo' ? 'small strong' : 'small')
  })
  return [
    text(margin, middle - 2, title),
    text(margin, middle + 13, unit, 'quiet small'),
    ...libraries,
    text(right.driver, middle + 4, number(raw), 'quiet small'),
    vsEmmett === null ? '' : text(right.ratio, middle + 5, times(vsEmmett), 'ratio', 'end'),
  ].join('')
}

const present = (result: Result) => series.filter(({ system }) => result[system] !== null)
const heightOf = (result: Result) => present(result).length * (bars.height + bars.gap) - bars.gap
const number = (value: number) => value.toLocaleString('en')

function text(x: number, y: number, content: string, classes = '', anchor = 'start'): string {
  const attributes = `${classes && ` class="${classes}"`}${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}`
  return `<text x="${Number(x.toFixed(1))}" y="${y}"${attributes}>${escapeXml(content)}</text>`
}

const escapeXml = (content: string) => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
