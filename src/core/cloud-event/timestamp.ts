/** Timestamps of CloudEvents: RFC 3339, kept as text, because a Date would lose microseconds. */

const shape = /^(\d{4})-(\d{2})-(\d{2})t(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:z|[+-](\d{2}):(\d{2}))$/i

/** Whether a text is a date and a time of RFC 3339 that the calendar knows. */
export function isTimestamp(text: string): boolean {
  const match = shape.exec(text)
  if (!match) return false
  const [year, month, day, hour, minute, second, offsetHour, offsetMinute] = match
    .slice(1)
    .map((part) => Number(part ?? 0)) as unknown as Fields
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return false
  return hour <= 23 && minute <= 59 && second <= 60 && offsetHour <= 23 && offsetMinute <= 59
}

/** The moment, to the millisecond. A leap second counts as the one before it: a Date has none. */
export function momentOf(timestamp: string): Date {
  return new Date(timestamp.toUpperCase().replace(/^(.{17})60/, '$159'))
}

type Fields = readonly [number, number, number, number, number, number, number, number]

function daysOf(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}
