/**
 * `node --test` with the PostgreSQL servers that the tests need, one of each version for all files; arguments are handed on.
 * The servers end with this process, however it ends.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { endPostgresServers, postgresServers } from '../test/postgres/servers.ts'

const started = performance.now()
const names = (await postgresServers()).map(({ name }) => name).join(' and ')
console.log(`PostgreSQL ${names} after ${((performance.now() - started) / 1000).toFixed(1)} s`)

/** What waits for something that never comes is told of, instead of keeping everybody waiting; no file takes a third of it. */
const longestMs = 10 * 60_000
const options = ['--test', `--test-timeout=${longestMs}`, '--test-reporter=./scripts/test-reporter.ts', ...process.argv.slice(2)]
const run = spawn(process.execPath, options, { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => run.kill(signal))
const [code] = await once(run, 'exit')
await endPostgresServers()
process.exitCode = code ?? 1
