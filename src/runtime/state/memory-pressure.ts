/** Watches how full the heap is, so that warm state gives way before the process runs out of memory. */
import type { Clock } from '../../core/clock.ts'
import type { PressureLevel, Signal } from '../../core/observer.ts'
import type { Settings } from '../settings.ts'

/** How much of the heap is used; `undefined` where the runtime cannot tell. */
export type HeapProbe = () => { readonly usedBytes: number; readonly limitBytes: number } | undefined

/** What idle times are multiplied by at each level. */
export const pressureFactors: Readonly<Record<PressureLevel, number>> = { normal: 1, elevated: 0.5, critical: 0.1 }

/** A new level, and how full the heap was when it was noticed. */
export interface MemoryPressureChange {
  readonly level: PressureLevel
  readonly usedBytes: number
  readonly limitBytes: number
}

/** The level of memory pressure, looked at every few seconds. */
export interface MemoryPressure {
  readonly level: PressureLevel
  /** Tells of each new level. Returns how to stop that. */
  watch(changed: (change: MemoryPressureChange) => void): () => void
  /** Starts looking; does nothing when it does already. */
  start(): void
  stop(): void
}

/** Watches the heap. A level is reached at its threshold, and left when the share is below it by some margin: so it does not flap. */
export function watchMemory(
  settings: Settings,
  tell: ((signal: Signal) => void) | undefined,
  clock: Clock,
  probe: HeapProbe,
): MemoryPressure {
  const { elevatedAt, criticalAt, hysteresis } = settings
  const watchers = new Set<(change: MemoryPressureChange) => void>()
  let level: PressureLevel = 'normal'
  let cancel: (() => void) | undefined
  const look = () => {
    cancel = clock.after(settings.checkMemoryEveryMs, look)
    const heap = probe()
    if (!heap) return
    const { usedBytes, limitBytes } = heap
    const share = usedBytes / limitBytes
    const isCritical = share >= criticalAt - (level === 'critical' ? hysteresis : 0)
    const isElevated = share >= elevatedAt - (level === 'normal' ? 0 : hysteresis)
    const now = isCritical ? 'critical' : isElevated ? 'elevated' : 'normal'
    if (now === level) return
    level = now
    tell?.({ signal: 'memory.pressure', level, usedBytes, limitBytes, factor: pressureFactors[level] })
    for (const changed of [...watchers]) changed({ level, usedBytes, limitBytes })
  }
  return {
    get level() {
      return level
    },
    watch(changed) {
      watchers.add(changed)
      return () => void watchers.delete(changed)
    },
    start() {
      cancel ??= clock.after(settings.checkMemoryEveryMs, look)
    },
    stop() {
      cancel?.()
      cancel = undefined
    },
  }
}

/** The heap of this process, by V8's own numbers; a runtime without them is never under pressure. */
export const v8Heap: HeapProbe = () => {
  const v8 = globalThis.process?.getBuiltinModule?.('node:v8')
  if (!v8) return undefined
  const { used_heap_size, heap_size_limit } = v8.getHeapStatistics()
  return { usedBytes: used_heap_size, limitBytes: heap_size_limit }
}
