/** The results that README shows: those of the newest full run. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Result } from '../result.ts'

const folder = join(import.meta.dirname, '..', 'results')

/** @returns undefined as long as there are none. */
export function newestResults(): readonly Result[] | undefined {
  const newest = globSync('*.json', { cwd: folder }).sort().at(-1)
  return newest ? JSON.parse(readFileSync(join(folder, newest), 'utf8')) : undefined
}
