/**
 * Runs the main job and draws what it prints as a picture: `docs/images/main-job.svg`.
 *
 *   npm run build && npx node scripts/record-terminal.ts      (needs `script`, of util-linux)
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

interface Style {
  readonly color: string
  readonly bold: boolean
  readonly dim: boolean
}
interface Span extends Style {
  readonly text: string
  /** Where it starts, in characters. */
  readonly column: number
}

const columns = 92
const rowHeight = 19
const charWidth = 8.4
const margin = { top: 52, side: 22, bottom: 20 }
const plain: Style = { color: '#d6deeb', bold: false, dim: false }
const colors: Readonly<Record<number, string>> = {
  31: '#ff6b6b',
  32: '#7fd88f',
  33: '#f2c55c',
  34: '#82aaff',
  35: '#c792ea',
  36: '#6fd3e7',
  90: '#637777',
}

const repository = join(import.meta.dirname, '..')
const picture = join(repository, 'docs/images/main-job.svg')
const output = runMainJob()
mkdirSync(dirname(picture), { recursive: true })
writeFileSync(picture, draw('npm start', output))

/** On a terminal, so that the progress bar is there, and in a folder of its own, so that the bank opens this morning. */
function runMainJob(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dacapo-'))
  try {
    const job = `stty cols ${columns} && '${process.execPath}' '${join(repository, 'examples/bank/main.ts')}'`
    const { NO_COLOR: _, ...env } = process.env
    const { status, stdout } = spawnSync('script', ['-qec', job, '/dev/null'], {
      cwd: folder,
      env: { ...env, TERM: 'xterm' },
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`The main job ended with ${status}: ${stdout}`)
    return stdout.replace(`${relative(folder, repository)}/`, '') // as if it had been started in the repository
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A window with one line of text for each line of the terminal. */
function draw(command: string, output: string): string {
  const lines = [`\x1b[32m$\x1b[39m \x1b[1m${command}\x1b[22m`, ...output.trimEnd().split('\r\n').map(finalState)]
  const width = Math.ceil(columns * charWidth + 2 * margin.side)
  const height = margin.top + lines.length * rowHeight + margin.bottom
  const rows = lines.map((line, row) => {
    const spans = spansOf(line).map(toTspan).join('')
    return spans && `<text y="${margin.top + row * rowHeight + 14}" xml:space="preserve">${spans}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>What ${escapeXml(command)} prints</title>
<style>text { font: 14px ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", Consolas, monospace; fill: ${plain.color}; white-space: pre } .b { font-weight: bold } .d { opacity: 0.55 }</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="#0d1520" stroke="#2b3a4d"/>
${['#ff5f57', '#febc2e', '#28c840'].map((fill, i) => `<circle cx="${22 + i * 20}" cy="22" r="6" fill="${fill}"/>`).join('')}
${rows.filter(Boolean).join('\n')}
</svg>
`
}

/** A progress bar draws itself over itself: what it drew last is what stays, without the orders to the cursor. */
function finalState(line: string): string {
  const drawnLast = line.split('\x1b[1G').at(-1)!
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
  return drawnLast.replaceAll(/\x1b(?:[78]|\[\??[\d;]*[A-Zhl])/g, '')
}

/** Each span has its place and its length, so that columns stay columns in whatever font there is. */
function toTspan({ text, column, color, bold, dim }: Span): string {
  const classes = [bold && 'b', dim && 'd'].filter(Boolean).join(' ')
  const style = `${color === plain.color ? '' : ` fill="${color}"`}${classes && ` class="${classes}"`}`
  const x = (margin.side + column * charWidth).toFixed(1)
  return `<tspan x="${x}" textLength="${(text.length * charWidth).toFixed(1)}"${style}>${escapeXml(text)}</tspan>`
}

/** Splits a line at its escape sequences; blanks at a span's ends only move the next one. */
function spansOf(line: string): Span[] {
  const spans: Span[] = []
  let style = plain
  let column = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
  for (const part of line.split(/(\x1b\[[\d;]*m)/)) {
    const codes = part.startsWith('\x1b') ? part.slice(2, -1).split(';').map(Number) : undefined
    if (codes) {
      style = codes.reduce(applyCode, style)
      continue
    }
    const text = part.trim()
    if (text) spans.push({ ...style, text, column: column + part.indexOf(text) })
    column += part.length
  }
  return spans
}

function applyCode(style: Style, code: number): Style {
  if (code === 0) return plain
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, dim: true }
  if (code === 22) return { ...style, bold: false, dim: false }
  if (code === 39) return { ...style, color: plain.color }
  return { ...style, color: colors[code] ?? style.color }
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
