/**
 * Finds the real servers that tests talk to: by the variable of the environment, on PATH, or in the cache that
 * `.ci/servers` fills. What is named and does not fit is an error. Where there is none, tests that need it are skipped,
 * and say what is missing.
 */
import { type ChildProcess, execFileSync } from "node:child_process"
import { accessSync, constants, existsSync, readdirSync, realpathSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { delimiter, dirname, join } from "node:path"
import process from "node:process"

/** Tests and benchmarks run in the folder of the package, wherever they are built to. */
const cache = join(process.cwd(), "node_modules/.cache/servers")

/** Oldest servers that have what the product asks for: atomic batches, and a broker without ZooKeeper. */
const oldest = { nats: [2, 12], kafka: [4, 0] } as const

export interface Found {
  /** Of the program, or of the folder of jars. */
  readonly path: string
  readonly version: string
}

type Version = readonly [major: number, minor: number]

const isOld = (version: string, [major, minor]: Version): boolean => {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number)
  return ownMajor < major || (ownMajor === major && ownMinor < minor)
}

/** Where PATH has a program; undefined where it has none. */
const onPath = (program: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

interface Kind {
  readonly name: string
  readonly variable: string
  readonly oldest: Version
  readonly onPath: () => string | undefined
  readonly cached: string
  /** Throws where it is not such a server. */
  readonly versionOf: (path: string) => string
}

const find = (kind: Kind): Found | undefined => {
  const named = process.env[kind.variable]
  if (named !== undefined) {
    const version = kind.versionOf(named)
    if (isOld(version, kind.oldest)) {
      throw new Error(`${kind.variable} names ${kind.name} ${version}; ${kind.oldest.join(".")} or later is needed`)
    }
    return { path: named, version }
  }
  for (const path of [kind.onPath(), kind.cached]) {
    if (path === undefined || !existsSync(path)) continue
    const version = kind.versionOf(path)
    if (!isOld(version, kind.oldest)) return { path, version }
  }
  const message =
    `${kind.name} ${kind.oldest.join(".")} or later is missing, and the tests that need it are skipped: run ` +
    `\`.ci/servers node_modules/.cache/servers\`, or name it in ${kind.variable}`
  process.stderr.write(`${message}\n`)
  return undefined
}

/** The program `nats-server`; undefined where it is not to be had, which is printed. */
export const nats = (): Found | undefined =>
  find({
    name: "nats-server",
    variable: "DAYBOOK_TEST_NATS",
    oldest: oldest.nats,
    onPath: () => onPath("nats-server"),
    cached: join(cache, "nats-server"),
    versionOf: (path) => {
      const version = /v(\d+\.\d+\.\d+)/.exec(execFileSync(path, ["--version"], { encoding: "utf8" }))?.[1]
      if (version === undefined) throw new Error(`${path} is not a nats-server`)
      return version
    }
  })

export const hasJava = (): boolean => onPath("java") !== undefined

/** The folder of Kafka's jars; undefined where it or a Java is not to be had, which is printed. */
export const kafka = (): Found | undefined => {
  if (!hasJava()) {
    process.stderr.write("java is missing, and the tests that need Kafka are skipped: install a JDK, 17 or later\n")
    return undefined
  }
  return find({
    name: "Kafka",
    variable: "DAYBOOK_TEST_KAFKA",
    oldest: oldest.kafka,
    onPath: () => {
      const script = onPath("kafka-server-start.sh")
      return script && join(dirname(realpathSync(script)), "../libs")
    },
    cached: join(cache, "kafka"),
    versionOf: (path) => {
      const jar = readdirSync(path).find((file) => /^kafka-server-\d/.test(file))
      const version = /(\d+\.\d+\.\d+)/.exec(jar ?? "")?.[1]
      if (version === undefined) throw new Error(`${path} does not hold the jars of a Kafka server`)
      return version
    }
  })
}

/** A server that a test kills and starts again. */
export interface Restartable {
  readonly pid: () => number
  /** Ends it as it stands, and waits until it is gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Starts it again on the same store and ports. */
  readonly restart: () => Promise<void>
  /** Kills it and removes its store. */
  readonly stop: () => Promise<void>
}

/** What still runs is killed with this process. */
const running = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/**
 * Starts a server by `spawned`, whose store is in the folder, and waits until `isReady` of what it has said, which
 * keeps its last characters.
 */
export const restartable = async (
  name: string,
  folder: string,
  spawned: () => ChildProcess,
  isReady: (said: string) => boolean | Promise<boolean>
): Promise<Restartable> => {
  let child: ChildProcess | undefined
  const launch = async () => {
    const started = spawned()
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
      if (started.exitCode !== null || started.signalCode !== null) throw new Error(`${name} ended: ${said}`)
      if (await isReady(said)) return
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const kill = async (signal: NodeJS.Signals = "SIGKILL") => {
    const last = child
    if (last === undefined || !running.has(last)) return
    const gone = new Promise((resolve) => last.once("exit", resolve))
    last.kill(signal)
    await gone
  }
  await launch()
  return {
    pid: () => child?.pid ?? 0,
    kill,
    restart: launch,
    stop: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => (address === null || typeof address === "string" ? reject(address) : resolve(address.port)))
    })
  })
