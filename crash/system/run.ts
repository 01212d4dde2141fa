/** One campaign on the running system from the command line: where it is, how far it is, and what it came to. */
import { endPostgresServers, postgresServers } from '../../test/postgres/servers.ts'
import type { SystemOptions } from '../options.ts'
import { processes, systemCampaign } from './campaign.ts'
import { onFile, onServer, type Place } from './places.ts'
import { showSystemFinding, showSystemProgress } from './show-system.ts'

/** Returns whether it has failed. */
export async function runSystem({ store, seconds, break: broken }: SystemOptions, seed: number, signal: AbortSignal): Promise<boolean> {
  const progress = showSystemProgress(seconds)
  try {
    const place = await placeOf(store, seed)
    let isKept = false
    try {
      const finding = await systemCampaign(place, { seconds, seed, break: broken, signal, onProgress: progress.update })
      progress.stop()
      isKept = finding.problems.length > 0 && !broken
      // A server of its own ends with the campaign; the evidence is in the folder.
      const kept = store === 'postgres' ? [place.folder] : [...new Set([place.folder, place.name])]
      showSystemFinding(finding, place, isKept ? kept : [])
      return finding.problems.length > 0
    } finally {
      await place.end(isKept)
    }
  } finally {
    progress.stop()
    await endPostgresServers()
  }
}

async function placeOf(store: string, seed: number): Promise<Place> {
  if (store === 'sqlite') return onFile()
  const url = store === 'postgres' ? (await postgresServers())[0]?.url : store
  return onServer(url as string, processes, seed)
}
