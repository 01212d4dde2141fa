/** What the terminal can do: its colours and its width. */
import pico from 'picocolors'

const { env, stdout } = process

/** https://no-color.org; FORCE_COLOR for a pipe that ends in a terminal after all. */
export const paint = pico.createColors(
  env.NO_COLOR ? false : env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : Boolean(stdout.isTTY) && env.TERM !== 'dumb',
)

/** Columns to write in, at most 100: wider tables are harder to read. */
export const width = Math.min(Math.max(stdout.columns || Number(env.COLUMNS) || 80, 60), 100)

/** What was sent by strangers must not move the cursor or change a colour. */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
}

/** Prints lines, a little indented. */
export function say(...lines: readonly string[]): void {
  stdout.write(lines.map((line) => (line === '' ? '\n' : `${line.replaceAll(/^(?=.)/gm, '  ')}\n`)).join(''))
}
