import assert from 'node:assert/strict'
import { test } from 'node:test'
import manifest from '../../package.json' with { type: 'json' }
import { assertNode, oldestNode } from '../../src/runtime/assert-node.ts'

test('an older Node is refused in one sentence that says which one is needed', () => {
  for (const old of ['18.20.4', '20.20.2', '22.17.9']) {
    assert.throws(() => assertNode(old), {
      code: 'ES_UNSUPPORTED',
      message: `Dacapo needs Node 22.18 or newer and found ${old}: update Node.`,
    })
  }
  for (const recent of ['22.18.0', '22.19.1', '23.0.0', '24.21.0', '30.1.0']) assertNode(recent)
  assertNode()
})

test('the package says the same as the program', () => {
  assert.equal(manifest.engines.node, `>=${oldestNode.replace(/\.0$/, '')}`)
})
