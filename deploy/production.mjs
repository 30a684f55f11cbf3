/**
 * Leaves in `package.json` what the service runs on: the packages that Daybook's users install too (its peers), in the versions that
 * the tests ran with. `npm prune` then removes all else, such as browsers, databases and compilers of the tests.
 */
import { readFileSync, writeFileSync } from "node:fs"

const {
  devDependencies,
  peerDependencies,
  peerDependenciesMeta: _,
  ...rest
} = JSON.parse(readFileSync("package.json", "utf8"))
const dependencies = Object.fromEntries(Object.keys(peerDependencies).map((name) => [name, devDependencies[name]]))
const missing = Object.entries(dependencies).filter(([, version]) => version === undefined)
if (missing.length > 0) throw new Error(`no version is pinned of ${missing.map(([name]) => name)}`)
writeFileSync("package.json", `${JSON.stringify({ ...rest, dependencies }, null, 2)}\n`)
