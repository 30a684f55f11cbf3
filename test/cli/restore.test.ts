/** OP1: a backup is put back, whatever lies beside the database, and those who follow the log are told. */
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Serve from "../http/Serve.ts"
import { isLong, random } from "../Random.ts"
import * as Cli from "./Cli.ts"
import { assertRefused, Database, database, deposit, lines, open, some } from "./Rows.ts"

/** How often a restore is killed. */
const kills = isLong ? 60 : 1

/** The lines of an export by what they are: a restored log has those of its backup before its own. */
const exported = (file: string) =>
  Effect.map(Cli.run(["export", "--db", `sqlite:${file}`]), ({ code, stderr, stdout }) => {
    assert.strictEqual(code, 0, stderr)
    const rows = stdout.trim().split("\n").slice(1, -1)
    const of = (kind: string) => rows.filter((row) => row.startsWith(`{"${kind}"`))
    const [entries, payloads] = [of("entry"), of("payload")]
    return { entries, payloads, events: rows.filter((row) => !entries.includes(row) && !payloads.includes(row)) }
  })

const restore = (file: string, from: string, ...more: ReadonlyArray<string>) =>
  Cli.run(["restore", from, "--db", `sqlite:${file}`, "--json", ...more])

const get = (url: string, headers: Record<string, string> = {}) => Effect.promise(() => fetch(url, { headers }))

/** Deposits one after the other, until the service is gone. */
const load = (url: string) =>
  Effect.promise(async () => {
    const post = (path: string, body: object) =>
      fetch(`${url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body)
      })
    try {
      for (;;) await post("/accounts/a/deposits", { amount: "1" })
    } catch {
      // It was killed.
    }
  })

const noted = (url: string, enough: number): Effect.Effect<number> =>
  Effect.promise(async () => {
    for (;;) {
      const response = await fetch(`${url}/accounts/a`)
      const { version } = (await response.json()) as { readonly version: number }
      if (version >= enough) return version
    }
  })

describe("daybook restore", () => {
  it.scopedLive(
    "the drill: backup under load, kill, put back beside the old write-ahead log, serve: exact, in a new epoch (OP1)",
    () =>
      Effect.gen(function* () {
        const { file, folder } = yield* database(open("a"))
        const copy = join(folder, "copy.db")
        const args = ["--db", `sqlite:${file}`]
        const first = yield* Serve.start(Cli.program(), args)
        const loading = yield* Effect.fork(load(first.url))
        yield* noted(first.url, 50)
        const backup = yield* Cli.run(["backup", copy, ...args])
        assert.strictEqual(backup.code, 0, backup.stderr)
        assertRefused(yield* restore(file, copy), /in use by another process; stop it first/)
        const end = yield* noted(first.url, 100)
        const header = (yield* get(`${first.url}/events`)).headers.get("daybook-log") ?? ""
        first.process.kill("SIGKILL")
        yield* first.ended
        yield* loading
        assert.isAbove(statSync(`${file}-wal`).size, 0)

        // As somebody does who does not know that the log belongs to the file.
        const whole = readFileSync(file)
        copyFileSync(copy, file)
        const log = readFileSync(`${file}-wal`)
        const refused = yield* Cli.run(["verify", ...args])
        assertRefused(refused, /do not belong together.*daybook restore/)
        assert.isTrue(readFileSync(copy).equals(readFileSync(file)) && log.equals(readFileSync(`${file}-wal`)))
        writeFileSync(file, whole)

        const restored = yield* restore(file, copy)
        assert.strictEqual(restored.code, 0, restored.stderr)
        const said = JSON.parse(restored.stdout)
        assert.strictEqual(said.epoch, 2)
        assert.deepStrictEqual(
          readdirSync(folder).filter((name) => name.endsWith(".tmp")),
          []
        )
        const [before, after] = [yield* exported(copy), yield* exported(file)]
        assert.deepStrictEqual([after.events, after.payloads], [before.events, before.payloads])
        assert.deepStrictEqual(after.entries.slice(0, -1), before.entries)
        assert.deepInclude(JSON.parse(after.entries.at(-1) ?? "").entry, {
          kind: "epoch",
          command: "restore",
          version: 2
        })
        assert.strictEqual((yield* Cli.run(["verify", ...args])).code, 0)
        // What was replaced is there with all of its commits, and the backup may be put back again.
        assert.strictEqual((yield* exported(said.kept)).events.length >= end, true)
        assert.strictEqual((statSync(file).mode & 0o777).toString(8), "600")

        const second = yield* Serve.start(Cli.program(), args)
        const [logId, epoch] = header.split(".")
        assert.strictEqual(epoch, "1")
        const feed = yield* get(`${second.url}/events/stream`, { "last-event-id": String(end) })
        assert.strictEqual(feed.status, 409)
        assert.strictEqual(
          ((yield* Effect.promise(() => feed.json())) as { readonly code: string }).code,
          "position-ahead"
        )
        assert.strictEqual(feed.headers.get("daybook-log"), `${logId}.2`)
        const { version } = (yield* Effect.promise(async () => (await fetch(`${second.url}/accounts/a`)).json())) as {
          readonly version: number
        }
        assert.strictEqual(version, before.events.length)
      }),
    120_000
  )

  it.scoped(
    "gives each restore an epoch of its own, also of one backup, of an older release, and where nothing was",
    () =>
      Effect.gen(function* () {
        const { file, folder, run } = yield* database(...some)
        const copy = join(folder, "copy.db")
        assert.strictEqual((yield* run("backup", copy)).code, 0)
        assert.strictEqual((yield* Cli.run(["verify", "--db", `sqlite:${copy}`])).code, 0)
        assert.isFalse(
          existsSync(`${copy}-wal`) || existsSync(`${copy}-shm`),
          "reading a backup leaves nothing beside it"
        )
        for (const epoch of [2, 3, 4]) {
          const ended = yield* restore(file, copy)
          assert.strictEqual(JSON.parse(ended.stdout).epoch, epoch, ended.stderr)
          const verified = yield* run("verify")
          assert.strictEqual(verified.code, 0, verified.stdout)
        }
        const elsewhere = join(folder, "elsewhere.db")
        assert.deepInclude(JSON.parse((yield* restore(elsewhere, copy)).stdout), { epoch: 2, kept: null })
        assert.strictEqual(JSON.parse((yield* restore(elsewhere, copy, "--above-epoch", "6")).stdout).epoch, 7)
        assert.strictEqual(JSON.parse((yield* run("restore", "--in-place", "--json")).stdout).epoch, 5)
        const old = join(folder, "before.db")
        copyFileSync(join(import.meta.dirname, "../fixtures/databases/0007-commands-named.db"), old)
        const migrated = join(folder, "migrated.db")
        assert.strictEqual(JSON.parse((yield* restore(migrated, old)).stdout).epoch, 2)
        assert.strictEqual((yield* Cli.run(["verify", "--db", `sqlite:${migrated}`])).code, 0)
      })
  )

  it.scoped(
    "replaces what cannot be read, and refuses what is not a backup or is of another log, with nothing changed",
    () =>
      Effect.gen(function* () {
        const { file, folder, run } = yield* database(...some)
        const copy = join(folder, "copy.db")
        assert.strictEqual((yield* run("backup", copy)).code, 0)
        const other = yield* database(open("z"))
        const text = join(folder, "text")
        writeFileSync(text, "no database")
        const before = readFileSync(file)
        const reader = new Database(file, { readonly: true })
        reader.prepare("SELECT count(*) FROM log_events").get()
        assertRefused(yield* restore(file, copy), /in use/)
        reader.close()
        for (const [from, says] of [
          [join(folder, "missing"), /does not exist/],
          [file, /is the database itself/],
          [text, /is not an SQLite database/],
          [other.file, /is of another log/]
        ] as const) {
          assertRefused(yield* restore(file, from), says)
        }
        assertRefused(yield* run("restore", copy, "--in-place"), /either/, 2)
        assertRefused(yield* run("restore"), /either/, 2)
        assert.isTrue(before.equals(readFileSync(file)))
        writeFileSync(file, Buffer.alloc(8_192, 7))
        const { epoch, kept } = JSON.parse((yield* restore(file, copy)).stdout)
        assert.strictEqual(epoch, 2)
        assert.isTrue(existsSync(kept))
        assert.strictEqual((yield* run("verify")).code, 0)
      })
  )
})

describe("daybook restore, killed", () => {
  it.scopedLive(
    "leaves the database before or the backup whole, or one that is refused; and goes through when it is run again (OP1)",
    () =>
      Effect.gen(function* () {
        const { file, folder, importing, run } = yield* database(...some)
        const copy = join(folder, "copy.db")
        assert.strictEqual((yield* run("backup", copy)).code, 0)
        const inBackup = (yield* exported(copy)).events
        const began = performance.now()
        assert.strictEqual((yield* restore(file, copy)).code, 0)
        const usualMs = performance.now() - began
        const draw = random("restore, killed")
        for (let n = 0; n < kills; n++) {
          yield* importing(lines(deposit("a", `killed-${n}`, "1")))
          const inDatabase = (yield* exported(file)).events
          const start = performance.now()
          const killAt = draw() * usualMs
          yield* Cli.run(["restore", copy, "--db", `sqlite:${file}`], {
            killWhen: () => performance.now() - start > killAt
          })
          const verified = yield* run("verify")
          if (verified.code === 0) {
            const { events } = yield* exported(file)
            assert.include([JSON.stringify(inDatabase), JSON.stringify(inBackup)], JSON.stringify(events))
          } else assert.match(verified.stderr, /daybook restore/)
          const again = yield* restore(file, copy)
          assert.strictEqual(again.code, 0, again.stderr)
          assert.deepStrictEqual((yield* exported(file)).events, inBackup)
          assert.strictEqual((yield* run("verify")).code, 0)
        }
      }),
    isLong ? 1_200_000 : 120_000
  )
})

describe("daybook backup into a folder", () => {
  it.scoped("keeps the newest copies, each of them whole, removes no other file, and says what is wrong", () =>
    Effect.gen(function* () {
      const { file, folder, importing, run } = yield* database(...some)
      const copies = join(folder, "accounts.db")
      assertRefused(yield* run("backup", copies, "--keep", "2"), /is not a folder/, 2)
      assertRefused(yield* run("backup", folder, "--keep", "0"), /1 or more/, 2)
      assertRefused(yield* run("backup", folder, "--every", "soon"), /is a time/, 2)
      assertRefused(yield* run("backup", folder, "--every", "1 millis"), /1 second or more/, 2)
      const made: Array<string> = []
      for (let n = 0; n < 4; n++) {
        yield* importing(lines(deposit("a", `more-${n}`, "1")))
        const ended = yield* run("backup", folder, "--keep", "2", "--json")
        assert.strictEqual(ended.code, 0, ended.stderr)
        made.push(JSON.parse(ended.stdout).file)
      }
      const left = readdirSync(folder).filter((name) => name.startsWith("daybook-"))
      assert.deepStrictEqual(
        left.map((name) => join(folder, name)),
        made.slice(2)
      )
      for (const copy of made.slice(2))
        assert.strictEqual((yield* Cli.run(["verify", "--db", `sqlite:${copy}`])).code, 0)
      assert.isTrue(existsSync(file))
    })
  )

  it.scopedLive("goes on until a signal, which is how it ends in order (OP3)", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* database(...some)
      const made = () => readdirSync(folder).filter((name) => name.startsWith("daybook-"))
      const { child, ended } = Cli.start([
        "backup",
        folder,
        "--every",
        "1 second",
        "--keep",
        "2",
        "--db",
        `sqlite:${file}`
      ])
      const seen = new Set<string>()
      const look = Effect.sync(() => {
        for (const name of made()) if (name.endsWith(".db")) seen.add(name)
      })
      yield* Effect.repeat(Effect.zipLeft(look, Effect.sleep("50 millis")), { until: () => seen.size >= 3 })
      child.kill("SIGTERM")
      assert.strictEqual((yield* Effect.promise(() => ended)).code, 0)
      assert.isAtMost(made().length, 3)
    })
  )
})
