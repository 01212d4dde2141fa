/** The built `dacapo` command, as a user runs it. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The built program. */
export const program = join(import.meta.dirname, '../../dist/cli/main.js')

/** Without what the test runner tells its own children. */
const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, DACAPO_STORE: ___, ...inherited } = process.env

/** Runs `dacapo` with arguments. @param environment  more of it. */
export function dacapo(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env: { ...inherited, ...environment }, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr })
    })
  })
}
