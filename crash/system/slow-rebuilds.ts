import { setTimeout as pause } from 'node:timers/promises'
import type { EventStore } from 'dacapo'
import { inFrontOf } from '../../test/runtime/in-front-of.ts'

const longestPauseMs = 500

/** A log as short as that of a campaign is folded in no time. So that processes are also killed while they rebuild, their commits take some. */
export function withSlowRebuilds(store: EventStore): EventStore {
  const { work } = store
  return inFrontOf(store, {
    work: {
      ...work,
      async commit(works) {
        const isOfRebuild = works.some(({ steps = [] }) => steps.some(({ subscription }) => subscription.startsWith('rebuild:')))
        if (isOfRebuild) await pause(Math.random() * longestPauseMs)
        return work.commit(works)
      },
    },
  })
}
