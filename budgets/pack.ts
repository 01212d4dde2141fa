/** The package as it would be published, and what it weighs. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

export interface Packed {
  readonly filename: string
  /** The bytes of its files when it is installed. */
  readonly unpackedSize: number
}

/** Packs what is built, into a folder; without one, nothing is written. */
export function pack(folder?: string): Packed {
  const where = folder === undefined ? ['--dry-run'] : ['--pack-destination', folder]
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--ignore-scripts', '--json', ...where], {
    cwd: join(import.meta.dirname, '..'),
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`npm pack ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)[0]
}
