/** Reads all records that a question is about, however many there are. */
import type { ListRecords, WorkRecord, WorkStore } from '../../core/work-store.ts'

const pageSize = 1000

export async function everyRecord(work: WorkStore, question: Omit<ListRecords, 'after' | 'limit'>): Promise<readonly WorkRecord[]> {
  const found: WorkRecord[] = []
  for (;;) {
    const after = found.at(-1)
    const page = await work.records({ ...question, limit: pageSize, ...(after && { after }) })
    found.push(...page)
    if (page.length < pageSize) return found
  }
}
