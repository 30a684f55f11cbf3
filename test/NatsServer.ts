/** A NATS server with JetStream for tests, on free ports of this machine, with a store of its own that outlives its death. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
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

export interface NatsServer {
  readonly url: string
  /** Where it answers `/jsz` and `/healthz`. */
  readonly monitorUrl: string
  readonly pid: () => number
  /** Ends it as it stands, and waits until it is gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Starts it again on the same store and ports. */
  readonly restart: () => Promise<void>
  /** Kills it and removes its store. */
  readonly stop: () => Promise<void>
}

/** Whether a server can be had here; where not, that was printed. */
export const found = Servers.nats()

/** What still runs is killed with this process. */
const running = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

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

  let child: ChildProcess
  const launch = async () => {
    const started = spawn(path, ["-c", file], { stdio: ["ignore", "ignore", "pipe"] })
    child = started
    running.add(started)
    let said = ""
    started.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-4_000)
    })
    started.once("exit", () => running.delete(started))
    // Ready is said once it takes connections; a server of a cluster is so before it has found the others.
    for (;;) {
      if (started.exitCode !== null || started.signalCode !== null) throw new Error(`nats-server ended: ${said}`)
      if (/Server is ready/.test(said)) return
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const kill = async (signal: NodeJS.Signals = "SIGKILL") => {
    if (!running.has(child)) return
    const gone = new Promise((resolve) => child.once("exit", resolve))
    child.kill(signal)
    await gone
  }
  await launch()
  return {
    url: `nats://127.0.0.1:${port}`,
    monitorUrl,
    pid: () => child.pid ?? 0,
    kill,
    restart: launch,
    stop: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
