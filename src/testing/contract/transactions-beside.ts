/** Transactions beside other writers: who waits, who wins, and in which order a reader hears of it. */
import { append, deposits, gate, logOf, positions, range, rising, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual, expectTrue } from './expect.ts'

class Undone extends Error {}

export const transactionsBesideCases = inPart('C', [
  {
    lines: [28],
    needs: ['transactions', 'parallelTransactions'],
    name: 'a transaction that stays open does not delay appends to other streams',
    async run(store) {
      const [held, done] = [gate(), gate()]
      const open = store.transaction!(async (transaction) => {
        expectAppended(await transaction.append(to('account-held', deposits(2))))
        held.open()
        await done.opened
      })
      await held.opened
      for (const n of range(1, 20)) expectAppended(await append(store, to(`account-${n}`, deposits(2))))
      expectEqual(await streamOf(store, 'account-held'), [], 'what others see of the open transaction')
      done.open()
      await open
      expectEqual((await streamOf(store, 'account-held')).length, 2, 'how many events the stream has in the end')
    },
  },
  {
    lines: [29],
    needs: ['transactions'],
    name: 'a reader sees version 1 before version 2 when a transaction that began elsewhere races for the stream',
    async run(store, { start }) {
      for (const round of range(1, 20)) {
        const after = await store.head()
        const stream = `account-raced${round}`
        await Promise.all([
          store.transaction!(async (transaction) => {
            await transaction.append(to(`account-elsewhere${round}`, deposits(2)))
            await transaction.append(to(stream, deposits(2)))
          }),
          append(store, to(stream, deposits(2))),
        ])
        const seen = (await logOf(store, { after })).events.filter((one) => one.stream === stream)
        expectEqual(versions(seen), [1, 2, 3, 4], 'the versions as the log tells them')
        expectTrue(rising(positions(seen)), 'positions rise with versions')
      }
      expectEqual((await logOf(store, { after: start })).events.length, 120, 'how many events the log has')
    },
  },
  {
    lines: [],
    needs: ['transactions'],
    name: 'of a transaction and an append that expect the same version exactly one wins',
    async run(store) {
      for (const expectedVersion of range(0, 19)) {
        const results = await Promise.all([
          store.transaction!(async (transaction) => {
            await transaction.streamInfo('account-1')
            return transaction.append(to('account-1', deposits(1), { expectedVersion }))
          }),
          append(store, to('account-1', deposits(1), { expectedVersion })),
        ])
        expectEqual(results.map(({ kind }) => kind).sort(), ['appended', 'refused'], 'the answers')
      }
    },
  },
  {
    lines: [],
    needs: ['transactions'],
    name: 'transactions that run at the same time all commit, and a failing one fails alone',
    async run(store) {
      const settled = await Promise.allSettled(
        range(1, 20).map((n) =>
          store.transaction!(async (transaction) => {
            expectAppended(await transaction.append(to(`account-${n}`, deposits(2), { expectedVersion: 0 })))
            if (n % 4 === 0) throw new Undone()
          }),
        ),
      )
      expectEqual(
        settled.map(({ status }) => status === 'fulfilled'),
        range(1, 20).map((n) => n % 4 !== 0),
        'which of them committed',
      )
      expectEqual((await store.listStreams({ category: 'account' })).length, 15, 'how many streams there are')
    },
  },
])
