/** A Kafka broker for tests: one node without ZooKeeper, on a free port of this machine, with a store that outlives its death. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import * as Servers from "./Servers.ts"

export interface KafkaServer {
  /** `127.0.0.1:PORT`. */
  readonly broker: string
  readonly pid: () => number
  /** Ends it as it stands, and waits until it is gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Starts it again on the same store and port. */
  readonly restart: () => Promise<void>
  /** Kills it and removes its store. */
  readonly stop: () => Promise<void>
}

/** Whether a broker can be had here; where not, that was printed. */
export const found = Servers.kafka()

/** What still runs is killed with this process. */
const running = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** One node has all parts and keeps one copy of everything; a group of consumers begins at once. */
const settings = (port: number, controller: number, folder: string): Readonly<Record<string, string | number>> => ({
  "process.roles": "broker,controller",
  "node.id": 1,
  "controller.quorum.bootstrap.servers": `127.0.0.1:${controller}`,
  listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
  "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
  "controller.listener.names": "CONTROLLER",
  "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
  "log.dirs": join(folder, "store"),
  "offsets.topic.num.partitions": 1,
  "offsets.topic.replication.factor": 1,
  "transaction.state.log.num.partitions": 1,
  "transaction.state.log.replication.factor": 1,
  "transaction.state.log.min.isr": 1,
  "share.coordinator.state.topic.replication.factor": 1,
  "share.coordinator.state.topic.min.isr": 1,
  "group.initial.rebalance.delay.ms": 0,
  "auto.create.topics.enable": "false"
})

/** Whether something takes connections there: a broker does once it can serve. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => socket.destroy() && resolve(true))
    socket.once("error", () => resolve(false))
  })

const java = ["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]

export const start = async (): Promise<KafkaServer> => {
  if (found === undefined) throw new Error("there is no Kafka to start")
  const classes = join(found.path, "*")
  const folder = mkdtempSync(join(tmpdir(), "daybook-kafka-"))
  const [port, controller] = [await Servers.freePort(), await Servers.freePort()]
  const file = join(folder, "server.properties")
  const lines = Object.entries(settings(port, controller, folder)).map(([name, value]) => `${name}=${value}\n`)
  writeFileSync(file, lines.join(""))
  const format = ["format", "--standalone", "--cluster-id", "ZGF5Ym9vay10ZXN0cy4uLg", "--config", file]
  execFileSync("java", [...java, "-cp", classes, "kafka.tools.StorageTool", ...format], { stdio: "pipe" })

  let child: ChildProcess
  const launch = async () => {
    const started = spawn("java", [...java, "-cp", classes, "kafka.Kafka", file], { stdio: ["ignore", "pipe", "pipe"] })
    child = started
    running.add(started)
    let said = ""
    for (const output of [started.stdout, started.stderr]) {
      output?.setEncoding("utf8").on("data", (text: string) => {
        said = `${said}${text}`.slice(-8_000)
      })
    }
    started.once("exit", () => running.delete(started))
    for (;;) {
      if (started.exitCode !== null || started.signalCode !== null) throw new Error(`Kafka ended: ${said}`)
      if (await answers(port)) return
      await new Promise((resolve) => setTimeout(resolve, 20))
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
    broker: `127.0.0.1:${port}`,
    pid: () => child.pid ?? 0,
    kill,
    restart: launch,
    stop: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
