import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budgets } from '../../budgets/budgets.ts'
import { instantiations } from '../../budgets/instantiations.ts'

test('inference costs no more than its budget, and grows with the program, not with its square', (t) => {
  const [at50, at100, at200] = [50, 100, 200].map(instantiations) as [number, number, number]
  const { typeInstantiations, instantiationsPerDoubling } = budgets
  t.diagnostic(`instantiations at 50, 100 and 200 aggregates: ${at50}, ${at100}, ${at200}`)
  assert.ok(at100 <= at50 * instantiationsPerDoubling, `from 50 to 100 aggregates: ${at50} → ${at100}`)
  assert.ok(at200 <= at100 * instantiationsPerDoubling, `from 100 to 200 aggregates: ${at100} → ${at200}`)
  assert.ok(at200 <= typeInstantiations, `${at200} instantiations at 200 aggregates; the budget is ${typeInstantiations}`)
})
