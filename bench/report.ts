/** `npm run bench:report`: writes README's table and picture from the newest file in `bench/results`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chartOf } from './report/chart.ts'
import { newestResults } from './report/newest-results.ts'
import { withTable } from './report/readme-table.ts'

const repository = join(import.meta.dirname, '..')
const readme = join(repository, 'README.md')
const results = newestResults()
if (!results) throw new Error('bench/results is empty: `npm run bench -- --json bench/results/<date>.json` fills it.')
writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), results))
writeFileSync(join(repository, 'docs/images/bench.svg'), chartOf(results))
