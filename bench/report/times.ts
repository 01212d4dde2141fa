/** How many times better: two digits, since a third would differ from run to run. */
export const times = (ratio: number): string => `${ratio >= 10 ? Math.round(ratio) : ratio.toPrecision(2)}×`
