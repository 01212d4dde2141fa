/** README's table: a row for each workload, and how many times better Dacapo is behind each other figure. */
import manifest from '../package.json' with { type: 'json' }
import type { Result } from '../result.ts'
import { storeNames } from '../systems/system.ts'
import { workloads } from '../workloads/all.ts'
import { times } from './times.ts'

const begin = '<!-- bench: npm run bench:report writes this -->'
const end = '<!-- /bench -->'

const minor = (version: string) => version.split('.').slice(0, 2).join('.')
const versions = {
  emmett: minor(manifest.dependencies['@event-driven-io/emmett']),
  act: minor(manifest.dependencies['@rotorsoft/act']),
}
const headings = {
  postgres: 'PostgreSQL, `synchronous_commit=on`',
  sqlite: 'SQLite, `synchronous=FULL`',
  memory: 'memory',
}

/** Puts the table between its two comments. */
export function withTable(readme: string, results: readonly Result[]): string {
  const [before, rest] = readme.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) throw new Error(`README.md lacks the lines ${begin} and ${end}.`)
  return `${before}${begin}\n\n${tableOf(results)}\n\n${end}${after}`
}

function tableOf(results: readonly Result[]): string {
  const head = ['', 'unit', 'Dacapo', `Emmett ${versions.emmett}`, `Act ${versions.act}`, 'bare driver']
  const rows = [...storeNames].reverse().flatMap((store) => {
    const own = results.filter((result) => result.store === store)
    return own.length === 0 ? [] : [[`**${headings[store]}**`, '', '', '', '', ''], ...own.map(rowOf)]
  })
  const { machine, date } = results[0] as Result
  return [
    line(head),
    line(['---', '---', '--:', '--:', '--:', '--:']),
    ...rows.map(line),
    '',
    `In brackets: how many times better Dacapo is. ${date}, ${machine}.`,
  ].join('\n')
}

function rowOf(result: Result): readonly string[] {
  const { workload, unit, dacapo, emmett, act, raw, vsEmmett, vsAct, vsRaw } = result
  const title = workloads.find(({ name }) => name === workload)?.title ?? workload
  return [title, unit, number(dacapo), beside(emmett, vsEmmett), beside(act, vsAct), beside(raw, vsRaw)]
}

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
const number = (value: number | null) => value?.toLocaleString('en') ?? '–'
const beside = (value: number | null, ratio: number | null) =>
  value === null || ratio === null ? '–' : `${number(value)} (${times(ratio)})`
