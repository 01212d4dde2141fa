/** Runs work that fails on purpose, which is not worth a line on the console. */
export async function quietly(work: () => Promise<unknown>): Promise<void> {
  const { error } = console
  console.error = () => {}
  try {
    await work()
  } finally {
    console.error = error
  }
}
