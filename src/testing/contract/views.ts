/** Rows of transactional projections: compared and set in the append's own commit, deleted without being forgotten. */
import { amountOf, balance, set } from './balances.ts'
import { append, deposits, range, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { count, expectAppended, expectEqual, expectRefused, expectTrue } from './expect.ts'

export const viewCases = inPart('views', [
  {
    lines: [],
    name: 'a row is set with the append and comes back with a row version that counts its writes',
    async run(store) {
      expectEqual(await store.views.get('', 'balances', '1'), undefined, 'a row that was never written')
      for (const n of range(0, 4)) expectAppended(await set(store, balance('1', n, n * 10)))
      expectEqual(await store.views.get('', 'balances', '1'), { row: '{"owner":"Zoë 😀","balance":40}', rowVersion: 5 }, 'the row')
      expectEqual(await store.views.get('', 'balances', '2'), undefined, 'another key')
      expectEqual(await store.views.get('', 'balance', '1'), undefined, 'another view')
    },
  },
  {
    lines: [],
    name: 'a row version that does not fit refuses the whole request and nothing of it is written',
    async run(store) {
      expectAppended(await set(store, balance('1', 0, 10), balance('2', 0, 20)))
      for (const views of [
        [balance('1', 0, 99)],
        [balance('1', 2, 99)],
        [balance('1', 1, 99), balance('2', 0, 99)],
        [balance('3', 0, 99), balance('4', 1, 99)],
      ]) {
        expectRefused(await set(store, ...views), 'ES_VIEW_CONFLICT')
      }
      expectEqual(
        [await amountOf(store, '1'), await amountOf(store, '2'), await amountOf(store, '3')],
        [[10, 1], [20, 1], undefined],
        'the rows',
      )
      expectEqual(versions(await streamOf(store, 'account-1')), [1, 2], 'the versions in the stream')
    },
  },
  {
    lines: [],
    name: 'a row version that does not fit refuses that request alone',
    async run(store) {
      const results = await store.append([
        to('account-1', deposits(1), { views: [balance('1', 0, 10)] }),
        to('account-2', deposits(1), { views: [balance('2', 0, 20), balance('1', 0, 99)] }),
        to('account-3', deposits(1), { views: [balance('1', 1, 30)] }),
        to('account-4', deposits(1)),
      ])
      expectEqual(
        results.map(({ kind }) => kind),
        ['appended', 'refused', 'appended', 'appended'],
        'the answers',
      )
      expectEqual([await amountOf(store, '1'), await amountOf(store, '2')], [[30, 2], undefined], 'the rows')
      expectEqual(await streamOf(store, 'account-2'), [], 'the events of the refused request')
    },
  },
  {
    lines: [],
    name: 'an append that is refused for another reason leaves its rows as they were',
    async run(store) {
      expectAppended(await set(store, balance('1', 0, 10)))
      const views = [balance('1', 1, 99), balance('2', 0, 99)]
      expectRefused(await append(store, to('account-1', deposits(1), { expectedVersion: 0, views })), 'ES_CONCURRENCY')
      const group = await store.append([
        to('account-1', deposits(1), { views, atomicGroup: 'g' }),
        to('account-2', deposits(1), { expectedVersion: 9, atomicGroup: 'g' }),
      ])
      expectEqual(
        group.map(({ kind }) => kind),
        ['refused', 'refused'],
        'the answers of the group',
      )
      expectEqual([await amountOf(store, '1'), await amountOf(store, '2')], [[10, 1], undefined], 'the rows')
    },
  },
  {
    lines: [],
    name: 'a row folded from one that was never written is refused, although others have brought it to the expected version',
    async run(store) {
      expectAppended(await set(store, balance('1', 0, 10)))
      const [lost, behind] = [deposits(1), deposits(1)]
      const results = await store.append([
        to('account-1', deposits(1), { views: [balance('1', 1, 20)] }),
        to('account-2', lost, { expectedVersion: 9, views: [balance('1', 1, 11)] }),
        to('account-3', behind, { views: [{ ...balance('1', 2, 12), follows: lost[0]!.id }] }),
      ])
      expectRefused(results[1], 'ES_CONCURRENCY')
      expectRefused(results[2], 'ES_VIEW_CONFLICT')
      expectEqual(await amountOf(store, '1'), [20, 2], 'the row')
      const written = deposits(1)
      const both = await store.append([
        to('account-2', written, { views: [balance('1', 2, 21)] }),
        to('account-3', deposits(1), { views: [{ ...balance('1', 3, 22), follows: written[0]!.id }] }),
      ])
      for (const result of both) expectAppended(result)
      expectEqual(await amountOf(store, '1'), [22, 4], 'the row after both')
    },
  },
  {
    lines: [],
    name: 'a deleted row keeps counting, so that one made again is not taken for the old one',
    async run(store) {
      expectAppended(await set(store, balance('1', 0, 10)))
      expectAppended(await set(store, balance('1', 1, null)))
      expectEqual(await store.views.get('', 'balances', '1'), { row: null, rowVersion: 2 }, 'the deleted row')
      expectRefused(await set(store, balance('1', 0, 99)), 'ES_VIEW_CONFLICT')
      expectRefused(await set(store, balance('1', 1, 99)), 'ES_VIEW_CONFLICT')
      expectAppended(await set(store, balance('1', 2, 20)))
      expectEqual(await amountOf(store, '1'), [20, 3], 'the row made again')
      expectAppended(await set(store, balance('never', 0, null)))
      expectTrue((await store.views.get('', 'balances', 'never'))?.row == null, 'a row that was deleted before it was made is not there')
    },
  },
  {
    lines: [],
    name: 'of 8 appends that fold from the same row exactly one is written, in each of 20 rounds',
    async run(store) {
      for (const round of range(0, 19)) {
        const race = range(1, 8).map((n) =>
          append(store, to(`account-${n}`, deposits(2), { views: [balance('1', round, round * 10 + n)] })),
        )
        const results = await Promise.all(race)
        expectEqual(
          count(results, ({ kind }) => kind === 'appended'),
          1,
          'how many were written',
        )
        for (const result of results) if (result.kind !== 'appended') expectRefused(result, 'ES_VIEW_CONFLICT')
        const winner = results.findIndex(({ kind }) => kind === 'appended') + 1
        expectEqual(await amountOf(store, '1'), [round * 10 + winner, round + 1], 'the row of the winner')
      }
    },
  },
  {
    lines: [],
    name: 'keys and views are told apart letter by letter',
    async run(store) {
      const keys = ['a', 'A', 'é', 'e\u0301', '😀', '\uff5e', '', ' a', "it's", '100%', 'x'.repeat(400)]
      expectAppended(await set(store, ...keys.map((key, i) => balance(key, 0, i)), { ...balance('a', 0, 99), view: 'Balances' }))
      for (const [i, key] of keys.entries()) expectEqual(await amountOf(store, key), [i, 1], `the row ${JSON.stringify(key)}`)
    },
  },
  {
    lines: [],
    name: 'a repeated append does not set its rows again',
    async run(store) {
      const request = to('account-1', deposits(2), { views: [balance('1', 0, 10)] })
      expectAppended(await append(store, request))
      expectEqual((await append(store, request)).kind, 'duplicate', 'the second answer')
      expectEqual(await amountOf(store, '1'), [10, 1], 'the row')
    },
  },
  {
    lines: [],
    needs: ['transactions'],
    name: 'rows set in a transaction are undone with it',
    async run(store) {
      expectAppended(await set(store, balance('1', 0, 10)))
      const undone = store.transaction!(async (transaction) => {
        expectAppended(await transaction.append(to('account-1', deposits(1), { views: [balance('1', 1, 20), balance('2', 0, 5)] })))
        expectRefused(await transaction.append(to('account-1', deposits(1), { views: [balance('1', 1, 30)] })), 'ES_VIEW_CONFLICT')
        expectEqual(await amountOf(transaction, '1'), [20, 2], 'the row inside')
        throw new Error('on purpose')
      })
      await undone.catch((error) => expectEqual(error.message, 'on purpose', 'why it was undone'))
      expectEqual([await amountOf(store, '1'), await amountOf(store, '2')], [[10, 1], undefined], 'the rows')
    },
  },
])
