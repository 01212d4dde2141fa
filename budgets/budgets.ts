/**
 * What Dacapo may cost: nothing here depends on how fast the machine is. `npm run budgets` shows where it stands, and
 * tests hold it. Where no other reason is given, a budget is 1.3 times what was measured when it was set.
 */
export const budgets = {
  /** Type instantiations of a program of 200 aggregates with five events and five commands each, all in one app. */
  typeInstantiations: 1_500_000,
  /** How many times as many a program of twice the size may need: 2 is linear, 4 quadratic. */
  instantiationsPerDoubling: 2.3,

  /** Bytes of an entry of the package with everything it exports and imports, bundled, minified and gzipped. */
  bundleBytes: {
    dacapo: 36_000,
    'dacapo/sqlite': 20_000,
    'dacapo/postgres': 32_000,
    /** It carries the whole store contract. Meant for tests, where size matters little. */
    'dacapo/testing': 76_000,
    /** Without `@opentelemetry/api`, which whoever uses it has anyway. */
    'dacapo/telemetry': 6_000,
    'dacapo/cloudevents': 5_700,
  },

  /**
   * The same of what an application imports from the root entry; the store is its own choice. Not from a measurement: small enough
   * that nobody asks.
   */
  appBundleBytes: 25_000,

  /** Bytes of all files of the installed package: the built code, its declarations, their source maps, and the sources. */
  unpackedBytes: 5_000_000,

  /** Bytes of heap per stream of an aggregate with a small state, the bank's account, after a full garbage collection. */
  heapPerAggregate: {
    /** With its state ready for the next command. */
    warm: 780,
    /** With its state as text. */
    hibernated: 875,
    /** After its time is over: less than a name, since what is left of the run itself is divided by the streams, too. */
    gone: 32,
  },

  /** What a command allocates that finds its aggregate warm and appends one event by itself: in the runtime, the store and zod. */
  allocationsPerCommand: {
    memory: { bytes: 32_000, objects: 550 },
    sqlite: { bytes: 43_000, objects: 730 },
  },
} as const
