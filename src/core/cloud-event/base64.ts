/** Base64 (RFC 4648, section 4) without the runtime's help: `Buffer`, `atob` and `Uint8Array.fromBase64` are not everywhere. */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const values: ReadonlyMap<string, number> = new Map([...alphabet].map((letter, value) => [letter, value]))
const shape = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Bytes as text, padded. */
export function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const [first, second = 0, third = 0] = bytes.subarray(i, i + 3) as unknown as [number, number?, number?]
    const group = (first << 16) | (second << 8) | third
    text += letter(group >>> 18) + letter(group >>> 12)
    text += i + 1 < bytes.length ? letter(group >>> 6) : '='
    text += i + 2 < bytes.length ? letter(group) : '='
  }
  return text
}

/** Text as bytes; `undefined` when it is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!shape.test(text)) return undefined
  const letters = text.replace(/=+$/, '')
  const bytes = new Uint8Array(Math.floor((letters.length * 3) / 4))
  let bits = 0
  let size = 0
  let at = 0
  for (const one of letters) {
    bits = ((bits << 6) | (values.get(one) as number)) & 0xffff
    size += 6
    if (size < 8) continue
    size -= 8
    bytes[at++] = bits >>> size
  }
  return bytes
}

function letter(sextet: number): string {
  return alphabet[sextet & 0x3f] as string
}
