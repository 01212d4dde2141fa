/** Migrations as files, for a tool of the user's own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SchemaStep } from '../core/store-schema.ts'

/** A file that is there has other content, maybe by hand. */
export class FileKept extends Error {}

/**
 * Writes `0001_store.up.sql` and `0001_store.down.sql`, and so on; makes the folder.
 *
 * @returns a line for each file.
 * @throws FileKept a file is there and is another one: it stays as it is.
 */
export function writeScripts(folder: string, steps: readonly SchemaStep[]): readonly string[] {
  mkdirSync(folder, { recursive: true })
  return steps.flatMap((step) =>
    (['up', 'down'] as const).map((way) => {
      const file = join(folder, `${String(step.id).padStart(4, '0')}_${step.name}.${way}.sql`)
      return `${file}: ${writeOnce(file, step[way])}`
    }),
  )
}

function writeOnce(file: string, text: string): string {
  try {
    writeFileSync(file, text, { flag: 'wx' })
    return 'written'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (readFileSync(file, 'utf8') === text) return 'already there'
    throw new FileKept(`${file} is there with other content, and was left as it is: move it away, or write to another folder.`)
  }
}
