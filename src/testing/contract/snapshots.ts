/** Snapshots: the newest of its own build, kept few, and never of use for anything but a shorter way. */
import type { EventStore } from '../../core/event-store.ts'
import type { StoredSnapshot } from '../../core/snapshot-store.ts'
import { range } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectEqual } from './expect.ts'

const at = (version: number, more: Partial<StoredSnapshot> = {}): StoredSnapshot => ({
  version,
  fingerprint: 'build-1',
  body: JSON.stringify({ balance: version, owner: 'Zoë 😀' }),
  takenAt: 1_000 + version,
  ...more,
})

const listed = async (store: EventStore, stream = 'account-1', tenant = '') =>
  (await store.snapshots.list(tenant, stream)).map(({ version }) => version)

async function save(store: EventStore, versions: readonly number[], keep = 100): Promise<void> {
  for (const version of versions) await store.snapshots.save('', 'account-1', at(version), keep)
}

export const snapshotCases = inPart('snapshots', [
  {
    lines: [],
    name: 'a snapshot comes back as it was saved, and a stream without one has none',
    async run(store) {
      expectEqual(await store.snapshots.latest('', 'account-1', 'build-1'), undefined, 'the latest before one is saved')
      expectEqual(await store.snapshots.list('', 'account-1'), [], 'the list before one is saved')
      await save(store, [5])
      expectEqual(await store.snapshots.latest('', 'account-1', 'build-1'), at(5), 'the latest')
      expectEqual(await store.snapshots.list('', 'account-1'), [at(5)], 'the list')
      expectEqual(await store.snapshots.latest('', 'account-2', 'build-1'), undefined, 'the latest of another stream')
    },
  },
  {
    lines: [],
    name: 'the latest snapshot is the one of the highest version, in whichever order they were saved',
    async run(store) {
      await save(store, [5, 15, 10])
      expectEqual((await store.snapshots.latest('', 'account-1', 'build-1'))?.version, 15, 'the version of the latest')
      expectEqual(await listed(store), [5, 10, 15], 'the versions listed')
    },
  },
  {
    lines: [],
    name: 'the latest snapshot up to a version is not beyond it',
    async run(store) {
      await save(store, [10, 20, 30])
      for (const [to, version] of [
        [9, undefined],
        [10, 10],
        [19, 10],
        [20, 20],
        [99, 30],
        [0, undefined],
      ] as const) {
        expectEqual(
          (await store.snapshots.latest('', 'account-1', 'build-1', to))?.version,
          version,
          `the version of the latest up to ${to}`,
        )
      }
    },
  },
  {
    lines: [],
    name: 'a snapshot of another build is not read, replaced or deleted by this one',
    async run(store) {
      await store.snapshots.save('', 'account-1', at(50, { fingerprint: 'build-2', body: '"other"' }), 1)
      await save(store, [10, 50, 60], 1)
      expectEqual((await store.snapshots.latest('', 'account-1', 'build-1'))?.version, 60, 'the latest of build 1')
      expectEqual((await store.snapshots.latest('', 'account-1', 'build-2'))?.body, '"other"', 'the latest of build 2')
      expectEqual(await store.snapshots.latest('', 'account-1', 'build-3'), undefined, 'the latest of build 3')
      expectEqual(await listed(store), [50, 60], 'the versions listed, of every build')
      await store.snapshots.save('', 'account-1', at(50), 100)
      expectEqual(await store.snapshots.delete('', 'account-1', 50, 'build-1'), 1, 'how many of one version and build were deleted')
      expectEqual((await store.snapshots.latest('', 'account-1', 'build-2'))?.version, 50, 'the other build, after that')
    },
  },
  {
    lines: [],
    name: 'a snapshot saved again at the same version replaces the first',
    async run(store) {
      await save(store, [5, 7])
      await store.snapshots.save('', 'account-1', at(5, { body: '"second"', takenAt: 9 }), 100)
      expectEqual(await store.snapshots.list('', 'account-1'), [at(5, { body: '"second"', takenAt: 9 }), at(7)], 'the list')
    },
  },
  {
    lines: [],
    name: 'only the newest snapshots are kept, as many as asked for',
    async run(store) {
      for (const version of range(1, 10)) await store.snapshots.save('', 'account-1', at(version), 3)
      expectEqual(await listed(store), [8, 9, 10], 'the versions kept of ten')
      await store.snapshots.save('', 'account-1', at(4), 3)
      expectEqual(await listed(store), [8, 9, 10], 'the versions kept after an old one came late')
      await store.snapshots.save('', 'account-1', at(11), 1)
      expectEqual(await listed(store), [11], 'the versions kept of one')
    },
  },
  {
    lines: [],
    name: 'one snapshot or all of a stream can be deleted, and others stay',
    async run(store) {
      await save(store, [1, 2, 3])
      await store.snapshots.save('', 'account-2', at(2), 1)
      expectEqual(await store.snapshots.delete('', 'account-1', 2), 1, 'how many were deleted')
      expectEqual(await store.snapshots.delete('', 'account-1', 2), 0, 'how many were deleted the second time')
      expectEqual(await listed(store), [1, 3], 'the versions left')
      expectEqual(await store.snapshots.delete('', 'account-1'), 2, 'how many were deleted of the rest')
      expectEqual([await listed(store), await store.snapshots.latest('', 'account-1', 'build-1')], [[], undefined], 'what is left')
      expectEqual(await listed(store, 'account-2'), [2], 'what the other stream has')
    },
  },
  {
    lines: [],
    name: 'a snapshot of a stream that does not exist, or beyond its end, is kept like any other',
    async run(store, { start }) {
      await store.snapshots.save('', 'account-none', at(1_000), 1)
      expectEqual((await store.snapshots.latest('', 'account-none', 'build-1'))?.version, 1_000, 'the version of the latest')
      expectEqual([await store.streamInfo('account-none'), await store.head()], [undefined, start], 'stream info and head')
    },
  },
  {
    lines: [],
    name: 'the snapshots of two tenants do not meet',
    async run(store) {
      await store.snapshots.save('acme', 'account-1', at(3), 1)
      await store.snapshots.save('', 'account-1', at(5), 1)
      expectEqual([await listed(store, 'account-1', 'acme'), await listed(store)], [[3], [5]], 'the versions of each')
      expectEqual(await store.snapshots.delete('acme', 'account-1'), 1, 'how many were deleted')
      expectEqual(await listed(store), [5], 'what the other one has')
    },
  },
])
