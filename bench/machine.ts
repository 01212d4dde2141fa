/** What the figures were measured on. */
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os'

export function machine(): string {
  const model = cpus()[0]?.model.trim() || 'unknown processor'
  const gib = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} cores of ${model}, ${gib} GiB, ${platform()} ${arch()}, Node ${process.versions.node}`
}
