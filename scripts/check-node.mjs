// Runs before every script, on whatever Node comes first in PATH: it stays on syntax that Node 12 can parse.
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Dacapo needs Node 22.18 or newer and found ${process.versions.node}: run \`npm ci\` without --ignore-scripts, which brings the right one.`,
  )
  process.exit(1)
}
