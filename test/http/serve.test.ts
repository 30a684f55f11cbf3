/** `daybook serve` as an operator meets it: how it starts, what keeps it from starting, and how it stops. */
import { createHash } from "node:crypto"
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../cli/Cli.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { follow, nextEvent } from "./Feed.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask } = Service
const timeout = 60_000

const inFolder = Effect.map(temporaryFolder, (folder) => ({ folder, db: ["--db", `sqlite:${join(folder, "d.db")}`] }))

describe("serve", () => {
  it.scopedLive(
    "takes flags before the environment and the environment before its defaults",
    () =>
      Effect.gen(function* () {
        const { db, folder } = yield* inFolder
        const other = join(folder, "other.db")
        const env = { DAYBOOK_DB: `sqlite:${other}`, DAYBOOK_HOST: "127.0.0.2", DAYBOOK_DURABILITY: "normal" }
        const fromEnvironment = yield* Service.start([], { env })
        assert.match(fromEnvironment.url, /^http:\/\/127\.0\.0\.2:\d+$/)
        assert.isTrue(existsSync(other))
        const fromFlags = yield* Service.start([...db, "--host", "127.0.0.1"], { env: { ...env, DAYBOOK_PORT: "1" } })
        assert.match(fromFlags.url, /^http:\/\/127\.0\.0\.1:\d+$/)
        assert.isTrue(existsSync(join(folder, "d.db")))
        assert.strictEqual((yield* ask(`${fromFlags.url}/health/ready`)).status, 200)
      }),
    timeout
  )

  it.scopedLive(
    "says in one line what keeps it from starting, and ends with a code that is not 0",
    () =>
      Effect.gen(function* () {
        const { db, folder } = yield* inFolder
        const foreign = join(folder, "foreign.db")
        writeFileSync(foreign, "no database, but long enough to look like one ".repeat(10))
        const readOnly = join(folder, "readonly.db")
        writeFileSync(readOnly, "")
        chmodSync(readOnly, 0o444)
        const taken = createServer()
        const port = yield* Effect.acquireRelease(
          Effect.async<number>((resume) => {
            taken.listen(0, "127.0.0.1", () => resume(Effect.succeed((taken.address() as { port: number }).port)))
          }),
          () => Effect.sync(() => taken.close())
        )
        const tokens = join(folder, "tokens.json")
        writeFileSync(tokens, '[{"name":"a","sha256":"secret-in-plain","scopes":["read"]}]')
        const free = ["--port", "0"]
        const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, says: RegExp, code?: number]> = [
          [[...db, ...free, "--host", "0.0.0.0"], /--tokens/, 2],
          [[...db, ...free, "--host", "::"], /--tokens/, 2],
          [[...db, "--port", String(port)], /taken/],
          [[...db, "--port", "70000"], /--port/, 2],
          [["--db", `sqlite:${join(folder, "no/folder.db")}`, ...free], /folder/],
          [["--db", `sqlite:${foreign}`, ...free], /not an SQLite database/],
          [["--db", `sqlite:${readOnly}`, ...free], /written/],
          [["--db", "mysql:x", ...free], /--db/, 2],
          [[...db, ...free, "--tokens", tokens], /tokens/],
          [[...db, ...free, "--tokens", join(folder, "none.json")], /cannot be read/]
        ]
        const before = readFileSync(foreign)
        for (const [args, says, expected = 1] of cases) {
          const { code, stderr, stdout } = yield* Cli.run(["serve", ...args])
          assert.strictEqual(code, expected, args.join(" "))
          assert.strictEqual(stdout, "")
          assert.match(stderr, says)
          const said = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"))
          assert.strictEqual(said.length, 1, stderr)
          assert.notInclude(stderr, "secret-in-plain")
        }
        assert.deepStrictEqual(readFileSync(foreign), before)
      }),
    timeout
  )

  it.scopedLive(
    "listens beyond loopback with tokens, which never reach a log",
    () =>
      Effect.gen(function* () {
        const { db, folder } = yield* inFolder
        const tokens = join(folder, "tokens.json")
        const sha256 = createHash("sha256").update("s3cret").digest("hex")
        writeFileSync(tokens, JSON.stringify([{ name: "all", sha256, scopes: ["admin"] }]))
        const service = yield* Service.start([...db, "--host", "0.0.0.0", "--tokens", tokens])
        const url = service.url.replace("0.0.0.0", "127.0.0.1")
        const headers = { authorization: "Bearer s3cret" }
        const body = { accountId: "a", owner: "Rumpelstilz", currency: "EUR", overdraftLimit: "77.77" }
        assert.strictEqual((yield* ask(`${url}/accounts`, { body, headers, key: "k3y" })).status, 201)
        assertProblem(yield* ask(`${url}/accounts`, { body }), "unauthorized")
        service.process.kill("SIGTERM")
        assert.strictEqual(yield* service.ended, 0)
        for (const secret of ["s3cret", sha256, "k3y", "Rumpelstilz", "77.77"])
          assert.notInclude(service.stderr(), secret)
        // It may have been stopped before it had anything to say.
        for (const line of service.stderr().split("\n").filter(Boolean)) JSON.parse(line)
      }),
    timeout
  )

  it.scopedLive(
    "answers what it has accepted when SIGTERM comes, ends the feed, and exits with 0",
    () =>
      Effect.gen(function* () {
        const { db } = yield* inFolder
        const service = yield* Service.start(db)
        const id = yield* Service.open(service.url)
        const feed = yield* follow(`${service.url}/events/stream`)
        yield* nextEvent(feed)
        const head = `POST /accounts/${id}/deposits HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`
        const body = JSON.stringify({ amount: "1" })
        // Accepted before the signal; its last byte comes after it.
        const slow = yield* Service.connection(service.url)
        yield* slow.send(`${head}content-length: ${body.length}\r\n\r\n${body.slice(0, -1)}`)
        const idle = yield* Service.connection(service.url)
        yield* idle.send("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        yield* idle.receive("200 OK")
        service.process.kill("SIGTERM")
        yield* feed.ended
        yield* slow.send(body.slice(-1))
        yield* slow.receive('"balance":"1.00"')
        assert.strictEqual(yield* service.ended, 0)
        const { stdout } = yield* Cli.run(["verify", ...db, "--json"])
        assert.deepInclude(JSON.parse(stdout), { ok: true, events: 2 })
      }),
    timeout
  )

  it.scopedLive(
    "ends at once at a second signal",
    () =>
      Effect.gen(function* () {
        const { db } = yield* inFolder
        const service = yield* Service.start(db)
        const id = yield* Service.open(service.url)
        const slow = yield* Service.connection(service.url)
        yield* slow.send(
          `POST /accounts/${id}/deposits HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n`
        )
        const feed = yield* follow(`${service.url}/events/stream`)
        yield* nextEvent(feed)
        service.process.kill("SIGTERM")
        yield* feed.ended
        service.process.kill("SIGTERM")
        assert.strictEqual(yield* service.ended, "SIGTERM")
      }),
    timeout
  )
})
