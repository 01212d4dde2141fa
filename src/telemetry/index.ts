/** `dacapo/telemetry`: traces and metrics for OpenTelemetry. */
export type { Carrier, Levels, Telemetry, Work } from '../core/telemetry.ts'
export type { OpenTelemetryOptions } from './open-telemetry.ts'
export { openTelemetry } from './open-telemetry.ts'
