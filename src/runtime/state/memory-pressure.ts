/** Watches how full the heap is, so that warm state gives way before the process runs out of memory. */
import type { Clock } from '../../core/clock.ts'
import type { PressureLevel } from '../../core/observer.ts'
import type { Engine } from '../engine.ts'

/** How much of the heap is used; `undefined` where the runtime cannot tell. */
export type HeapProbe = () => { readonly usedBytes: number; readonly limitBytes: number } | undefined

/** What idle times are multiplied by at each level. */
export const pressureFactors: Readonly<Record<PressureLevel, number>> = { normal: 1, elevated: 0.5, critical: 0.1 }

/** The level of memory pressure, looked at every few seconds. */
export interface MemoryPressure {
  readonly level: PressureLevel
  /** Starts looking; does nothing when it does already. */
  start(): void
  stop(): void
}

/** Watches the heap; `changed` is told of each new level. */
export function watchMemory(
  { settings, tell }: Pick<Engine, 'settings' | 'tell'>,
  clock: Clock,
  probe: HeapProbe,
  changed: (level: PressureLevel) => void,
): MemoryPressure {
  let level: PressureLevel = 'normal'
  let cancel: (() => void) | undefined
  const look = () => {
    cancel = clock.after(settings.checkMemoryEveryMs, look)
    const heap = probe()
    if (!heap) return
    const share = heap.usedBytes / heap.limitBytes
    const now = share >= settings.criticalAt ? 'critical' : share >= settings.elevatedAt ? 'elevated' : 'normal'
    if (now === level) return
    level = now
    tell?.({ signal: 'memory.pressure', level, ...heap, factor: pressureFactors[level] })
    changed(level)
  }
  return {
    get level() {
      return level
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
