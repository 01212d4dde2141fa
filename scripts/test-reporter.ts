/**
 * How a test run is told: one line per file, every failure in full where it happens and once more at the end, Node's own summary, one
 * closing line.
 * A run without any test fails; with CI set, so does one in which a test was skipped or left as todo, unless the reason of the skip is what
 * the machine does not have ("… on this machine"): that is told, and nobody has to be root to pass.
 */
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect, styleText } from 'node:util'

const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /
const isLacking = (skip: unknown) => typeof skip === 'string' && skip.endsWith(' on this machine')
const here = (file: string | undefined) => (file ? relative(process.cwd(), file) : '')

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const summary: string[] = []
  const unseen: string[] = []
  const failures: string[] = []
  let unexcused = 0

  for await (const { type, data } of events) {
    if (type === 'test:fail') {
      const error: Error & { failureType?: string } = data.details.error
      const where = `${styleText('red', '✖')} ${here(data.file)}:${data.line ?? 0}  ${data.name}`
      if (error.failureType !== 'subtestsFailed') {
        const failure = `${where}\n${indent(inspect(error.cause ?? error, { colors: process.stdout.isTTY }))}\n`
        failures.push(failure)
        yield failure
      }
    }
    if ((type === 'test:pass' || type === 'test:fail') && (data.skip !== undefined || data.todo !== undefined)) {
      const [what, why] = data.skip === undefined ? ['todo', data.todo] : ['skipped', data.skip]
      unseen.push(`${here(data.file)}:${data.line ?? 0}  ${data.name} (${typeof why === 'string' && why ? `${what}: ${why}` : what})`)
      if (!isLacking(data.skip)) unexcused++
    }
    if (type === 'test:stdout' || type === 'test:stderr') yield data.message
    if (type === 'test:diagnostic') {
      if (data.nesting === 0 && SUMMARY.test(data.message)) summary.push(`ℹ ${data.message}\n`)
      else yield styleText(data.message.startsWith('Error: ') ? 'red' : 'dim', `  ${data.message}\n`)
    }
    if (type === 'test:coverage') yield* coverage(data.summary)
    if (type === 'test:summary' && data.file) {
      const sign = data.success ? styleText('green', '✔') : styleText('red', '✖')
      yield `${sign} ${here(data.file)}  ${styleText('dim', `${data.counts.tests} in ${seconds(data.duration_ms)}`)}\n`
    } else if (type === 'test:summary') {
      const { tests, passed, skipped, todo } = data.counts
      const failed = tests - passed - skipped - todo
      yield `\n${summary.join('')}`
      yield* failures
      for (const line of unseen) yield `${styleText('yellow', '!')} ${line}\n`
      if (tests === 0) yield styleText('red', 'No test ran.\n')
      if (tests === 0 || (process.env.CI && unexcused > 0)) process.exitCode = 1
      yield `\n${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}${todo ? `, ${todo} todo` : ''}\n`
    }
  }
}

function* coverage({ files, totals }: Extract<TestEvent, { type: 'test:coverage' }>['data']['summary']): Generator<string> {
  const least = [...files].sort((a, b) => a.coveredLinePercent - b.coveredLinePercent)
  for (const { path, coveredLinePercent } of least) yield `${coveredLinePercent.toFixed(1).padStart(6)} %  ${here(path)}\n`
  yield `${totals.coveredLinePercent.toFixed(1).padStart(6)} %  of lines covered\n`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
