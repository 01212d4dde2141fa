/** What an entry of the package weighs in a bundle: what is imported from it, and everything that needs. */
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Plugin } from 'esbuild'
import manifest from '../package.json' with { type: 'json' }

const repository = join(import.meta.dirname, '..')

export interface Bundle {
  readonly minifiedBytes: number
  readonly gzippedBytes: number
  /** The modules of Node that it imports at once; what it imports when it is needed is not among them. */
  readonly nodeModules: readonly string[]
  /** Its largest files, largest first, in bytes before gzip. */
  readonly largest: readonly { readonly where: string; readonly bytes: number }[]
}

/** What an application imports from the root entry that keeps its events in another store than memory. */
export const importedByAnApp = ['createApp', 'aggregate', 'command', 'event', 'projection', 'reject']

/**
 * Bundles one entry of the built package, e.g. `dacapo/sqlite`. Nothing is left out but Node's own modules, and packages that the user
 * chooses to install.
 *
 * @param imported  names; absent: everything that the entry exports.
 */
export async function bundle(entry: string, imported?: readonly string[]): Promise<Bundle> {
  const contents = `export ${imported ? `{ ${imported.join(', ')} }` : '*'} from ${JSON.stringify(join(repository, builtFileOf(entry)))}`
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: repository },
    absWorkingDir: repository,
    outdir: repository,
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    external: ['node:*', ...Object.keys(manifest.peerDependencies)],
    plugins: [loadedLater],
    metafile: true,
  })
  const [file, output] = [outputFiles[0]!, Object.values(metafile.outputs)[0]!]
  return {
    minifiedBytes: file.contents.length,
    gzippedBytes: gzipSync(file.contents, { level: 9 }).length,
    nodeModules: [...new Set(output.imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => path))],
    largest: Object.entries(output.inputs)
      .map(([path, { bytesInOutput }]) => ({ where: path, bytes: bytesInOutput }))
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, 8),
  }
}

/** What is imported when it is first needed is not what an app starts with. */
const loadedLater: Plugin = {
  name: 'loaded later',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : undefined))
  },
}

function builtFileOf(entry: string): string {
  const exports: Readonly<Record<string, string | { readonly default: string }>> = manifest.exports
  const target = exports[entry.replace(manifest.name, '.')]
  if (typeof target !== 'object') throw new Error(`The package has no entry ${entry}.`)
  return target.default
}
