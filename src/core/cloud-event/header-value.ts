/** Attribute values in HTTP headers: printable ASCII, everything else percent-encoded. */

/**
 * Encodes a value: space, `"`, `%` and whatever is not printable ASCII become the percent-encoded bytes of their UTF-8.
 *
 * @see CloudEvents, HTTP protocol binding 1.0, section 3.1.3.2
 */
export function toHeaderValue(value: string): string {
  return value.replace(/[^\x21\x23\x24\x26-\x7e]/gu, encodeURIComponent)
}

/**
 * Decodes a value, one that an older sender has put in double quotes too. A `%` that starts no byte stands for itself.
 *
 * @returns `undefined` when the bytes are not UTF-8.
 */
export function fromHeaderValue(header: string): string | undefined {
  const text = header.trim()
  const unquoted = /^".*"$/.test(text) && text.length > 1 ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text
  try {
    return unquoted.replace(/(?:%[0-9a-f]{2})+/gi, decodeURIComponent)
  } catch {
    return undefined
  }
}
