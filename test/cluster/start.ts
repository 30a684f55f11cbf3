/**
 * Three nodes and a PostgreSQL server on loopback, for a person to try: `npx vite-node test/cluster/start.ts`. They are
 * those of the tests. It prints where they listen; ctrl-C, or SIGTERM, stops all of them and leaves nothing behind.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { Effect } from "effect"
import { build } from "../Build.ts"
import * as PostgresServer from "../PostgresServer.ts"
import * as Nodes from "./Nodes.ts"

const root = join(import.meta.dirname, "../..")

/** Made within node_modules, so that the build finds its packages. */
const program = Effect.acquireRelease(
  Effect.sync(() => {
    const parent = join(root, "node_modules/.cache/daybook")
    mkdirSync(parent, { recursive: true })
    const dist = mkdtempSync(join(parent, "cluster-"))
    build(join(root, "src"), dist)
    return dist
  }),
  (dist) => Effect.sync(() => rmSync(dist, { recursive: true }))
)

const server = Effect.acquireRelease(
  Effect.promise(() => PostgresServer.start()),
  ({ stop }) => Effect.promise(stop)
)

const signal = Effect.async<void>((resume) => {
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    // The server's package would end this process at once, and leave the nodes and the build behind.
    process.removeAllListeners(name)
    process.on(name, () => resume(Effect.void))
  }
})

const main = Effect.gen(function* () {
  // From the start, so that whatever was begun by then is ended.
  const stop = yield* Effect.forkScoped(signal)
  const started = Effect.gen(function* () {
    const dist = yield* program
    const { url } = yield* server
    const nodes = yield* Nodes.start([process.execPath, join(dist, "bank/main.js")], url, 3)
    console.log(`folder ${dist}`)
    console.log(`database ${url}`)
    for (const node of nodes)
      console.log(`node ${node.url}, known to the others as ${node.address}, process ${node.process.pid}`)
    console.log("ctrl-C stops them")
    return yield* Effect.never
  })
  yield* Effect.raceFirst(started, stop.await)
})

await Effect.runPromise(Effect.scoped(main))
