/** Which Node this package runs on. */
import { UnsupportedError } from '../core/errors.ts'

/** The oldest Node; `package.json` says the same, and a test holds the two together. */
export const oldestNode = '22.18.0'

/**
 * Says in one sentence that Node is too old, before anything fails in a way that nobody understands.
 *
 * @param found  the running version; `undefined` where there is none, e.g. in a browser. Bun and Deno say which Node they equal.
 * @throws UnsupportedError (`ES_UNSUPPORTED`)
 */
export function assertNode(found: string | undefined = globalThis.process?.versions?.node): void {
  if (found === undefined || isAtLeast(found, oldestNode)) return
  throw new UnsupportedError(`Dacapo needs Node ${oldestNode.replace(/\.0$/, '')} or newer and found ${found}: update Node.`)
}

function isAtLeast(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}
