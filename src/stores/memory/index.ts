/** The memory store, as the package's root entry and its testing kit use it. */
export { type MemoryCapabilities, type MemoryOptions, memory } from './memory.ts'
