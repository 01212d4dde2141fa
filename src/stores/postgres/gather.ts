/** Questions that are asked at the same time go to the database together: one round trip, and one statement to read, for all of them. */

interface Asked<Q, A> {
  readonly question: Q
  readonly resolve: (answer: A) => void
  readonly reject: (error: unknown) => void
}

/** How many lots may be on their way; what is asked beyond that gathers for the next one. */
const mostUnderWay = 3

/**
 * @param ask   the answers, in the order of the questions; an error is everybody's.
 * @param most  questions in a lot.
 */
export function gather<Q, A>(ask: (questions: readonly Q[]) => Promise<readonly A[]>, most: number): (question: Q) => Promise<A> {
  const waiting: Asked<Q, A>[] = []
  let underWay = 0

  async function flush(): Promise<void> {
    underWay++
    await undefined // whoever asks in the same turn gets in
    while (waiting.length > 0) {
      const lot = waiting.splice(0, most)
      try {
        const answers = await ask(lot.map(({ question }) => question))
        for (const [i, { resolve }] of lot.entries()) resolve(answers[i] as A)
      } catch (error) {
        for (const { reject } of lot) reject(error)
      }
    }
    underWay--
  }

  return (question) =>
    new Promise((resolve, reject) => {
      waiting.push({ question, resolve, reject })
      if (underWay < mostUnderWay) void flush()
    })
}
