/**
 * Checks a property and tells the seed of its runs, so that they can be had again.
 *
 * `DACAPO_SEED=<seed>` makes the same runs, `DACAPO_SEED=<seed>,<path>` goes straight to a counterexample, and
 * `DACAPO_RUNS=<number>` makes that many runs, however long they take.
 */
import type { TestContext } from 'node:test'
import fc from 'fast-check'

/** How much a property is worth. */
export interface Budget {
  /** Default 100. */
  readonly runs?: number
  /** When it is over, no run begins. One that has begun is waited for, and a counterexample is still made small. */
  readonly forMs?: number
}

/** Checks a property; when it does not hold, rejects with the counterexample, the seed, and what the test had to say. */
export async function check<Given extends unknown[]>(
  t: Pick<TestContext, 'name' | 'diagnostic'>,
  property: fc.IRawProperty<Given>,
  budget: Budget = {},
): Promise<void> {
  const details: fc.RunDetails<Given> = await fc.check(property, parametersOf(budget))
  const { seed, numRuns, numShrinks, counterexample, counterexamplePath } = details
  t.diagnostic(`seed ${seed}, ${numRuns} runs: ${t.name}`)
  if (!details.failed) return
  if (!counterexample) throw new Error(fc.defaultReportMessage(details))
  const given = counterexample.map((value) => fc.stringify(value)).join('\n')
  const again = `To see it again, run this test alone with DACAPO_SEED=${seed},${counterexamplePath}`
  throw new Error(`It does not hold in run ${numRuns}, made smaller ${numShrinks} times:\n\n${given}\n\n${again}\n`, {
    cause: details.errorInstance,
  })
}

function parametersOf({ runs = 100, forMs }: Budget): fc.Parameters<any> {
  const [seed, path] = process.env['DACAPO_SEED']?.split(',') ?? []
  const wanted = process.env['DACAPO_RUNS']
  return {
    numRuns: wanted ? Number(wanted) : runs,
    ...(seed ? { seed: Number(seed) } : {}),
    ...(path ? { path } : {}),
    plugins: forMs === undefined || wanted || seed ? [] : [noRunAfter(forMs)],
  }
}

/**
 * fast-check's own limit leaves the run that it interrupts to itself, ends the search for a smaller counterexample, and takes
 * it for a failure when the first run was too slow.
 */
function noRunAfter(ms: number): fc.Plugin<unknown> {
  return () => {
    const end = performance.now() + ms
    let [hasRun, hasFailed] = [false, false]
    return {
      decorateRun: (run) => async (value) => {
        if (hasRun && !hasFailed && performance.now() > end) return new fc.PreconditionFailure(true)
        hasRun = true
        const failure = await run(value)
        hasFailed ||= failure !== null && !fc.PreconditionFailure.isFailure(failure)
        return failure
      },
    }
  }
}
