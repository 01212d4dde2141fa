/** `dacapo/telemetry`: traces and metrics for OpenTelemetry. */
export type { Carrier, Levels, Telemetry, TracedWork } from '../core/telemetry.ts'
export type { OpenTelemetryOptions } from './open-telemetry.ts'
export { openTelemetry } from './open-telemetry.ts'
