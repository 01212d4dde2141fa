/** For tests: scenarios, a test app, time and failure on demand, and the contract that every store must pass. */

export { ScenarioFailedError } from './expectation.ts'
export { type FaultMoment, type Faults, faultStore } from './fault-store.ts'
export { type GivenEvent, type InStream, inStream } from './given-events.ts'
export type { HandlerScenario, ThenHandled } from './handler-scenario.ts'
export type { ProcessScenario, ProcessScenarioSteps, Refusal, ThenCommands } from './process-scenario.ts'
export type { ProjectionScenario, ThenRows } from './projection-scenario.ts'
export * from './read-model-contract.ts'
export { type Given, type Scenario, type Shape, scenario, type Then, type WhenOptions } from './scenario.ts'
export * from './store-contract.ts'
export { type TestApp, type TestAppOptions, type TestTools, testApp } from './test-app.ts'
export { type TestClock, testClock } from './test-clock.ts'
