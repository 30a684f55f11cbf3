/**
 * A NATS server with JetStream for tests, on free ports of this machine, with a store of its own that outlives its
 * death.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Servers from "./Servers.ts"

export interface Options {
  /** Of the server, which a cluster needs. */
  readonly name?: string
  /** More lines of its configuration, as those of a cluster. */
  readonly config?: string
  /** More lines of the part `jetstream`. */
  readonly jetstream?: string
  /** When it syncs its files. Default: before it acknowledges. */
  readonly syncInterval?: string
}

export interface NatsServer extends Servers.Restartable {
  readonly url: string
  /** Where it answers `/jsz` and `/healthz`. */
  readonly monitorUrl: string
}

/** Whether a server can be had here; where not, that was printed. */
export const found = Servers.nats()

export const start = async (options: Options = {}): Promise<NatsServer> => {
  if (found === undefined) throw new Error("there is no nats-server to start")
  const { path } = found
  const folder = mkdtempSync(join(tmpdir(), "daybook-nats-"))
  const [port, monitor] = [await Servers.freePort(), await Servers.freePort()]
  const { config = "", jetstream = "", name = `test-${port}`, syncInterval = "always" } = options
  const file = join(folder, "server.conf")
  const lines = [
    `server_name: ${name}`,
    `listen: "127.0.0.1:${port}"`,
    `http: "127.0.0.1:${monitor}"`,
    "max_payload: 8MB",
    `jetstream { store_dir: "${join(folder, "store")}", sync_interval: ${syncInterval}, limits { batch { max_msgs: 10000 } } ${jetstream} }`,
    config
  ]
  writeFileSync(file, `${lines.join("\n")}\n`)
  const monitorUrl = `http://127.0.0.1:${monitor}`
  const spawned = () => spawn(path, ["-c", file], { stdio: ["ignore", "ignore", "pipe"] })
  // Ready is said once it takes connections; a server of a cluster is so before it has found the others.
  const server = await Servers.restartable("nats-server", folder, spawned, (said) => said.includes("Server is ready"))
  return { ...server, url: `nats://127.0.0.1:${port}`, monitorUrl }
}
