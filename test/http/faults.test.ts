/**
 * While the database is locked by another process, or its disk is full: reads answer, commands say so, and it passes.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect } from "effect"
import { Writer } from "../../src/sql/Writer.ts"
import * as Cli from "../cli/Cli.ts"
import { isLong } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service
const timeout = 60_000
/**
 * For how long there is load on a disk that is full: as long as the promise says, or for a hundred requests of each
 * client.
 */
const outageMs = isLong ? 60_000 : 0

/** What answers whatever happens to the writer. */
const assertReads = (url: string, id: string, balance: string) =>
  Effect.gen(function* () {
    assert.strictEqual((yield* ask(`${url}/accounts/${id}`)).json.balance, balance)
    const paths = [
      `/accounts/${id}?version=1`,
      `/accounts/${id}/events`,
      `/accounts/${id}/summary`,
      "/accounts",
      "/events"
    ]
    for (const path of [...paths, "/projections", "/metrics", "/health/live"]) {
      assert.strictEqual((yield* ask(`${url}${path}`)).status, 200, path)
    }
  })

/** A disk of its own, of a few megabytes; undefined where this user may not mount one. */
const disk = Effect.acquireRelease(
  Effect.map(temporaryFolder, (folder) => {
    const mounting = spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder])
    return mounting.status === 0 ? folder : undefined
  }),
  (folder) => Effect.sync(() => (folder === undefined ? undefined : execFileSync("umount", ["-l", folder])))
)

/** Takes all that is left of a disk. */
const fill = (file: string): void => {
  const descriptor = openSync(file, "w")
  try {
    for (let size = 1 << 20; size > 0; size >>= 1) {
      try {
        for (;;) if (writeSync(descriptor, Buffer.alloc(size)) === 0) break
      } catch (error) {
        // No room for that much: then for half of it.
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
      }
    }
  } finally {
    closeSync(descriptor)
  }
}

const untilReady = (url: string) => Effect.repeat(ask(`${url}/health/ready`), { until: ({ status }) => status === 200 })

/** Deposits until there is no room, looks at what still answers, makes room, and finds all that was answered. */
const assertSurvivesFullness = <E, R>(url: string, fillUp: Effect.Effect<unknown, E, R>, makeRoom: typeof fillUp) =>
  Effect.gen(function* () {
    const id = yield* Service.open(url)
    // The read model is there before.
    yield* ask(`${url}/accounts/${id}/summary?minPosition=1`)
    yield* fillUp
    const deposit = (n: number) =>
      ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1", reference: "r".repeat(500) }, key: `full ${n}` })
    let done = 0
    let answer = yield* deposit(done)
    while (answer.status === 200) answer = yield* deposit(++done)
    // Also where the commit failed: of a full disk it is known that nothing was done.
    assertProblem(answer, "store-unavailable")
    assertProblem(yield* ask(`${url}/health/ready`), "not-ready")
    yield* assertReads(url, id, `${done}.00`)

    yield* makeRoom
    yield* untilReady(url)
    assert.strictEqual((yield* deposit(done)).json.version, done + 2)
    for (let n = 0; n <= done; n++) {
      assert.strictEqual((yield* deposit(n)).headers.get("idempotency-replayed"), "true")
    }
    const { json } = yield* ask(`${url}/accounts/${id}/summary?minPosition=${done + 2}`)
    assert.strictEqual(json.currentBalance, `${done + 1}.00`)
  })

describe("faults", () => {
  it.scopedLive(
    "locked by another process: commands are 503 and leave no trace, and go on when the lock is gone",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "d.db")
        const { stderr, url } = yield* Service.start(["--db", `sqlite:${filename}`])
        const id = yield* Service.open(url)
        const deposit = ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, key: "locked" })
        yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "2" } })
        yield* ask(`${url}/accounts/${id}/summary?minPosition=2`)

        const other = new Database(filename)
        other.exec("BEGIN IMMEDIATE")
        const waiting = yield* Effect.fork(deposit)
        yield* assertReads(url, id, "2.00")
        const refused = yield* waiting
        assertProblem(refused, "store-unavailable")
        assertProblem(yield* ask(`${url}/health/ready`), "not-ready")
        assert.include(stderr(), Service.problem(refused).correlationId ?? "none")
        other.exec("ROLLBACK")
        other.close()

        yield* untilReady(url)
        assert.strictEqual((yield* deposit).json.balance, "3.00")
        assert.strictEqual((yield* deposit).json.version, 3)
      }),
    timeout
  )

  it.scopedLive(
    "a real disk is full: commands are 503, nothing answered is lost, and they go on when there is room",
    ({ skip }) =>
      Effect.gen(function* () {
        const folder = yield* disk
        if (folder === undefined)
          return skip("this user may not mount a disk; the next test fills the database instead")
        const filename = join(folder, "d.db")
        const others = join(folder, "others")
        const { stderr, url } = yield* Service.start(["--db", `sqlite:${filename}`])
        yield* assertSurvivesFullness(
          url,
          Effect.sync(() => fill(others)),
          Effect.sync(() => rmSync(others))
        )
        assert.include(stderr(), "The store takes no writes at present")
        const { code, stdout } = yield* Cli.run(["verify", "--db", `sqlite:${filename}`])
        assert.strictEqual(code, 0, stdout)
      }),
    timeout
  )

  it.scopedLive(
    "a full disk under load writes few lines, the first with the cause, and counts the others (OP2 F53)",
    ({ skip }) =>
      Effect.gen(function* () {
        const folder = yield* disk
        if (folder === undefined) return skip("this user may not mount a disk")
        const others = join(folder, "others")
        const {
          ended,
          process: service,
          stderr,
          url
        } = yield* Service.start(["--db", `sqlite:${join(folder, "d.db")}`])
        const id = yield* Service.open(url)
        yield* ask(`${url}/accounts/${id}/summary?minPosition=1`)
        fill(others)
        const deposit = ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1", reference: "r".repeat(500) } })
        // What is in the write-ahead log already has its room.
        yield* Effect.repeat(deposit, { until: ({ status }) => status === 503 })
        const until = performance.now() + outageMs
        let failed = 1
        const client = Effect.iterate(0, {
          while: (sent) => sent < 100 || performance.now() < until,
          body: (sent) =>
            Effect.gen(function* () {
              assertProblem(yield* deposit, "store-unavailable")
              failed++
              if (sent % 10 === 0) assert.strictEqual((yield* ask(`${url}/health/ready`)).status, 503)
              return sent + 1
            })
        })
        yield* Effect.all(
          Array.from({ length: 8 }, () => client),
          { concurrency: "unbounded" }
        )
        rmSync(others)
        yield* untilReady(url)
        assert.strictEqual((yield* deposit).status, 200)
        service.kill("SIGTERM")
        assert.strictEqual(yield* ended, 0)

        const lines = stderr()
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line))
        const isOf = (status: number) => (line: (typeof lines)[number]) =>
          (line.message === "request" && line.annotations.status === status) ||
          line.annotations.kind?.endsWith(` ${status}`) === true
        const done = lines.filter(isOf(200)).length
        assert.isAtMost(lines.length - done, 100)
        const [first] = lines.filter(({ logLevel }) => logLevel !== "INFO")
        assert.strictEqual(first.message, "The store takes no writes at present: the disk or the database is full")
        // Each request has its line or is in a number.
        const counted = lines
          .filter(isOf(503))
          .filter(({ annotations: { kind, route } }) => `${kind ?? route}`.includes("deposits"))
          .reduce((sum, { annotations }) => sum + (annotations.count ?? 1), 0)
        assert.strictEqual(counted, failed)
      }),
    timeout + outageMs
  )

  it.scopedLive(
    "goes on where the disk of its own log is full, and says afterwards how many lines that cost (OP2)",
    ({ skip }) =>
      Effect.gen(function* () {
        const folder = yield* disk
        if (folder === undefined) return skip("this user may not mount a disk")
        const [others, log] = [join(folder, "others"), join(folder, "log")]
        const file = openSync(log, "a")
        const db = ["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`]
        const { ended, process: service, url } = yield* Service.start(db, { log: file })
        closeSync(file)
        const id = yield* Service.open(url)
        fill(others)
        for (let n = 0; n < 100; n++) {
          const { status } = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
          assert.strictEqual(status, 200)
        }
        rmSync(others)
        service.kill("SIGTERM")
        assert.strictEqual(yield* ended, 0)
        const text = readFileSync(log, "utf8")
        const lines = text.split("\n").filter(Boolean)
        const written = lines.filter((line) => line.includes("/accounts/:id/deposits")).length
        // The disk took a piece of one.
        const cut = lines.filter((line) => !line.endsWith("}") && !line.includes("/accounts/:id/deposits")).length
        const told = /"message":"lines of the log could not be written".*"lines":(\d+)/.exec(text)?.[1]
        assert.isBelow(written, 100)
        assert.isAtLeast(Number(told) + written + cut, 100)
      }),
    timeout
  )

  it.scopedLive(
    "the database is full: commands are 503, nothing answered is lost, and they go on when there is room",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const writer = yield* Writer
        const limit = (pages: number) =>
          writer.transact((connection) => connection.executeValues(`PRAGMA max_page_count = ${pages}`, []))
        // As many pages as it has now: SQLite never goes below.
        yield* assertSurvivesFullness(url, limit(1), limit(1_000_000))
      }).pipe(Effect.provide(Service.layer({ filename: ":memory:" }))),
    timeout
  )
})
