/** A door that lets one in at a time, in the order of arrival. */

/** What must not happen at the same time goes through one gate. */
export interface Gate {
  /** Waits for its turn; resolves to how to leave. Whoever does not leave keeps everybody out. */
  enter(): Promise<() => void>
}

/** A gate that nobody is in. */
export function gate(): Gate {
  let last: Promise<void> = Promise.resolve()
  return {
    enter() {
      const turn = last
      let leave: () => void = () => {}
      last = new Promise((resolve) => {
        leave = resolve
      })
      return turn.then(() => leave)
    },
  }
}
