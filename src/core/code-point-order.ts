/**
 * Compares text by code point, as databases do with UTF-8.
 *
 * JavaScript's `<` compares UTF-16 units, which sorts U+FF5E after an emoji: the two halves of a code point above U+FFFF are
 * units between U+D800 and U+DFFF.
 */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return order(x) - order(y)
  }
  return a.length - b.length
}

/** Moves the halves of the large code points behind the rest of the units. */
const order = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit)
