import { test } from 'node:test'
import { memory } from '../../src/stores/memory/memory.ts'
import { runStoreContract } from '../../src/testing/store-contract.ts'

await runStoreContract(
  { name: 'memory', open: ({ clock }) => ({ store: memory({ clock }) }), singleWriter: true },
  { test, skip: (sentence) => console.log(sentence) },
)
