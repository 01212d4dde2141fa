/** What the tests of stores share: a folder that goes away, events of the bank, the code of an error. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AppendRequest, AppendResult, EventStore } from '../../src/core/event-store.ts'
import type { EventToAppend, StoredEvent } from '../../src/core/stored-event.ts'

/** A folder that is removed when the test ends. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dacapo-stores-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function deposit(more: Partial<EventToAppend> = {}): EventToAppend {
  return { id: randomUUID(), type: 'MoneyDeposited', schemaVersion: 1, data: '{"amount":1}', metadata: '{}', tags: [], ...more }
}

export function to(stream: string, count = 1, more: Partial<AppendRequest> = {}): AppendRequest {
  return { stream, expectedVersion: 'any', events: Array.from({ length: count }, () => deposit()), ...more }
}

export async function append(store: EventStore, request: AppendRequest): Promise<AppendResult> {
  const [result] = await store.append([request])
  return result as AppendResult
}

export async function logOf(store: EventStore): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = []
  for await (const page of store.readAll()) events.push(...page.events)
  return events
}

/** How a call ended: its value, or the code of its error. */
export async function outcome<T>(call: Promise<T>): Promise<T | string> {
  return call.catch((error: { code?: string }) => error.code ?? String(error))
}

/** A process of its own that appends to a file; see append-process.ts. */
export function appendProcess(file: string, stream: string, count: number): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'append-process.ts'), file, stream, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Everything a process prints until it ends. */
export async function printedBy(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout?.on('data', (part) => {
    text += part
  })
  await once(child, 'close')
  return text
}
