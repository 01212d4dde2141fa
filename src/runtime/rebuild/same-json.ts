/** Compares JSON by its value: the order of an object's members means nothing. */
export function sameJson(left: string | null, right: string | null): boolean {
  if (left === right) return true
  return left !== null && right !== null && sameValue(JSON.parse(left), JSON.parse(right))
}

function sameValue(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  if (Array.isArray(left) !== Array.isArray(right)) return false
  const names = Object.keys(left)
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && sameValue((left as Members)[name], (right as Members)[name]))
  )
}

type Members = Readonly<Record<string, unknown>>
