/** Work that is undone when its end throws, in the store and in the model. */
import assert from 'node:assert/strict'

class Undone extends Error {}

/** @param run  does the work, and calls `end` as its last act. */
export async function undoneOrNot<T>(
  model: { kept: unknown },
  isUndone: boolean,
  run: (end: () => void) => Promise<T>,
): Promise<T | undefined> {
  const before = model.kept
  const end = () => {
    if (isUndone) throw new Undone()
  }
  try {
    const result = await run(end)
    assert.ok(!isUndone, 'what ends in an error is undone')
    return result
  } catch (error) {
    if (!(error instanceof Undone)) throw error
    model.kept = before
    return undefined
  }
}
