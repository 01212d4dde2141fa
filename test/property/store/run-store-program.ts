/** Runs a program on the stores of a world and on the model, side by side: every answer is the same, and so is what is left. */
import assert from 'node:assert/strict'
import type { EventStore, StoreTransaction } from '../../../src/core/event-store.ts'
import type { StoredEvent } from '../../../src/core/stored-event.ts'
import type { TestClock } from '../../../src/testing/test-clock.ts'
import { undoneOrNot } from '../undone.ts'
import type { World } from '../worlds.ts'
import { assertSameResults } from './compare-appends.ts'
import { assertSameContents, assertSameList, assertSameLog, assertSameLook, assertSameStream } from './compare-reads.ts'
import { ModelStore } from './model-store.ts'
import { tenantNames, type Wish } from './random-requests.ts'
import { RequestMaker } from './request-maker.ts'
import type { InnerStep, Rebuild, Savepoint, StoreStep } from './store-steps.ts'

export async function runStoreProgram(world: World, clock: TestClock, program: readonly StoreStep[]): Promise<void> {
  const model = new ModelStore()
  const maker = new RequestMaker(model)
  for (const step of program) await runStep(step)
  for (const by of [0, 1] as const) await assertSameContents(world.store(by), model, clock.now())

  async function runStep({ by, ...step }: StoreStep): Promise<void> {
    const store = world.store(by)
    switch (step.kind) {
      case 'append':
        return append(store, step.calls)
      case 'transaction':
        return undoneOrNot(model, step.isUndone, (end) => store.transaction!((transaction) => runInside(transaction, step.steps).then(end)))
      case 'readStream':
        return assertSameStream(store, model, step)
      case 'readLog':
        return assertSameLog(store, model, step)
      case 'look':
        return assertSameLook(store, model, step, clock.now())
      case 'listStreams':
        return assertSameList(store, model, step)
      case 'saveSnapshot': {
        const { tenant, stream, version, fingerprint, keep } = step
        const snapshot = { version, fingerprint, body: JSON.stringify({ n: maker.count }), takenAt: clock.now() }
        model.saveSnapshot(tenant, stream, snapshot, keep)
        return store.snapshots.save(tenant, stream, snapshot, keep)
      }
      case 'deleteSnapshots': {
        const { tenant, stream, version, fingerprint } = step
        const deleted = await store.snapshots.delete(tenant, stream, version, fingerprint)
        return assert.equal(deleted, model.deleteSnapshots(tenant, stream, version, fingerprint))
      }
      case 'rebuild':
        return undoneOrNot(model, step.isUndone, (end) => rebuild(store, step, end))
      case 'forgetExpired':
        return assert.equal(await store.forgetExpired(clock.now()), model.forgetExpired(clock.now()))
      case 'moveClock':
        return clock.set(new Date(clock.now() + step.seconds * 1000))
      case 'reopen':
        return world.reopen(by)
    }
  }

  /** Calls that do not wait for each other are accepted in the order in which they were made. */
  async function append(store: EventStore, calls: readonly (readonly Wish[])[]): Promise<void> {
    const requests = calls.map((wishes) => wishes.map((wish) => maker.make(wish, clock.now())))
    const actual = await Promise.all(requests.map((call) => store.append(call)))
    const expected = requests.map((call) => model.append(call, clock.now()))
    assertSameResults(model, actual.flat(), expected.flat())
  }

  async function rebuild(store: EventStore, { view, key }: Rebuild, end: () => void): Promise<void> {
    const fingerprint = `fold-${maker.count}`
    const built = tenantNames.map((tenant) => {
      const count = model.kept.log.filter((event) => event.tenant === tenant).length
      return { tenant, key, row: JSON.stringify({ count }) }
    })
    model.rebuild(view, fingerprint, built)
    await store.views.rebuild({ view, indexes: { count: 'number' }, fingerprint }, async (log) => {
      const events: StoredEvent[] = []
      for await (const page of log) events.push(...page.events)
      assert.deepEqual(events, model.kept.log)
      end()
      return built
    })
  }

  async function runInside(transaction: StoreTransaction, steps: readonly (InnerStep | Savepoint)[]): Promise<void> {
    for (const step of steps) {
      if (step.kind === 'savepoint') {
        await undoneOrNot(model, step.isUndone, (end) => transaction.savepoint(() => runInside(transaction, step.steps).then(end)))
      } else if (step.kind === 'append') {
        const request = maker.make(step.request, clock.now())
        assertSameResults(model, [await transaction.append(request)], model.append([request], clock.now()))
      } else if (step.kind === 'readStream') await assertSameStream(transaction, model, step)
      else if (step.kind === 'readLog') await assertSameLog(transaction, model, step)
      else await assertSameLook(transaction, model, step, clock.now())
    }
  }
}
