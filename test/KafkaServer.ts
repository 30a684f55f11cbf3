/**
 * A Kafka broker for tests: one node without ZooKeeper, on a free port of this machine, with a store that outlives its
 * death.
 */
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Servers from "./Servers.ts"

export interface KafkaServer extends Servers.Restartable {
  /** `127.0.0.1:PORT`. */
  readonly broker: string
}

/** Whether a broker can be had here; where not, that was printed. */
export const found = Servers.kafka()

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

  const spawned = () =>
    spawn("java", [...java, "-cp", classes, "kafka.Kafka", file], { stdio: ["ignore", "pipe", "pipe"] })
  const server = await Servers.restartable("Kafka", folder, spawned, () => answers(port))
  return { ...server, broker: `127.0.0.1:${port}` }
}
