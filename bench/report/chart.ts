/**
 * README's picture: how much of the bare driver's speed each library reaches on a disk, in every workload that a peer has, too.
 *
 * A share and not a rate, so that one linear axis serves all workloads. Memory is left to the table: a floor of arrays in a Map
 * is no aim for a library.
 */
import type { Result } from '../result.ts'
import type { StoreName } from '../systems/system.ts'
import { workloads } from '../workloads/all.ts'
import { times } from './times.ts'

const series = [
  { system: 'dacapo', name: 'Dacapo' },
  { system: 'emmett', name: 'Emmett' },
  { system: 'act', name: 'Act' },
] as const

/** Each has a part of the picture, when it was measured. */
const databases = [
  { store: 'postgres', name: 'PostgreSQL', driver: 'pg' },
  { store: 'sqlite', name: 'SQLite', driver: 'node:sqlite' },
] as const

const width = 800
const margin = 24
/** Where the bars begin, and how long that of the bare driver is. */
const bars = { left: 268, length: 368, top: 150, height: 11, gap: 3, between: 17 }
/** Room for an axis and the next name. */
const betweenParts = 58
const right = { driver: bars.left + bars.length + 10, ratio: width - margin }
const font = '-apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif'

const style = `
text { font: 12.5px ${font}; fill: #1f2328 }
.card { fill: #ffffff; stroke: #d9dee4 }
.title { font-size: 17px; font-weight: 600 }
.name { font-size: 14px; font-weight: 600 }
.quiet { fill: #656d76 }
.small { font-size: 11px }
.strong { font-weight: 600 }
.inside { fill: #ffffff }
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
  const measured = databases.filter(({ store }) => results.some((result) => result.store === store))
  const parts: string[] = []
  let top = bars.top
  for (const { store, name } of measured) {
    const [part, bottom] = partOf(results.filter(shownOf(store)), name, top)
    parts.push(part)
    top = bottom + betweenParts
  }
  const height = top - betweenParts + 53
  const { machine, date } = results[0] as Result
  const drivers = measured.map(({ driver }) => driver).join(' or ')
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>Dacapo, Emmett and Act on ${measured.map(({ name }) => name).join(' and ')}: their share of the bare driver’s speed</title>
<style>${style}
</style>
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
${text(margin, 36, 'How much of the bare driver’s speed you keep', 'title')}
${text(margin, 58, `What is acknowledged is on the disk. 100 % is ${drivers} alone, which writes the same rows, as durably.`, 'quiet')}
${legend(92)}
${parts.join('\n')}
${text(margin, height - 16, `${date} · ${machine} · npm run bench`, 'quiet small')}
</svg>
`
}

/** The load from a short stream is there to be compared with that from the long one. Without a driver there is no share of it. */
const shownOf = (store: StoreName) => (result: Result) =>
  result.store === store && result.workload !== 'load-snapshot-1000' && result.raw !== null && present(result).length > 1

/** The workloads of one database under its name, and where they end. */
function partOf(results: readonly Result[], name: string, from: number): readonly [string, number] {
  const tracks: string[] = []
  const groups: string[] = []
  let top = from
  for (const result of results) {
    tracks.push(trackOf(result, top))
    groups.push(groupOf(result, top))
    top += heightOf(result) + bars.between
  }
  const bottom = top - bars.between + 9
  const lines = [text(margin, from - 16, name, 'name'), tracks.join(''), axis(from - 9, bottom), groups.join('\n')]
  return [lines.join('\n'), bottom]
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
    const classes = system === 'dacapo' ? 'small strong' : 'small'
    // Beside a long bar it would run into the driver's figure.
    const inside = share > 0.88
    const x = bars.left + length + (inside ? -6 : 6)
    return bar + text(x, y + bars.height - 1.5, number(value), inside ? `${classes} inside` : classes, inside ? 'end' : 'start')
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
