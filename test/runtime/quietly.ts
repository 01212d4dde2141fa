/** For work that fails on purpose and is reported, as it should be: here it would bury everything else. */
import { beforeEach, type MockTracker } from 'node:test'

/** Runs work without a line on the console. */
export async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { error } = console
  console.error = () => {}
  try {
    return await work()
  } finally {
    console.error = error
  }
}

/** Every test of the file is run without one. */
export function quietTests(): void {
  // The type leaves the context of a suite open, which has no mock; that of a test does.
  beforeEach((t) => void (t as { mock?: MockTracker }).mock?.method(console, 'error', () => {}))
}
