/** `daybook head` and `verify --against`, and that an export carries the journal (JR4, JR5). */

import { generateKeyPairSync } from "node:crypto"
import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./Cli.ts"
import { assertRefused, database, deposit, lines, open, some, tamper } from "./Rows.ts"

/** A pair of keys in files of the folder. */
const keys = (folder: string, name: string, type: "ed25519" | "x25519" = "ed25519") => {
  const { privateKey, publicKey } = type === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("x25519")
  const [key, pub] = [join(folder, `${name}.key`), join(folder, `${name}.pub`)]
  writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }))
  writeFileSync(pub, publicKey.export({ type: "spki", format: "pem" }))
  return { key, pub }
}

describe("daybook head and verify --against", () => {
  it.scoped(
    "a signed head is extended by the log that goes on, and by no other, no older and no forged one (JR4)",
    () =>
      Effect.gen(function* () {
        const { file, folder, importing, run } = yield* database(...some)
        const [own, other] = [keys(folder, "own"), keys(folder, "other")]
        const noted = join(folder, "head.json")
        const { code, stderr, stdout } = yield* run("head", "--key", own.key)
        assert.strictEqual(code, 0, stderr)
        assert.strictEqual(stdout.split("\n").length, 2)
        const head = JSON.parse(stdout)
        assert.deepStrictEqual(Object.keys(head), [
          "logId",
          "epoch",
          "sequence",
          "position",
          "hash",
          "recordedAt",
          "signature"
        ])
        assert.deepStrictEqual([head.epoch, head.sequence, head.position], [1, 5, 4])
        writeFileSync(noted, stdout)
        copyFileSync(file, join(folder, "older.db"))

        const verify = (...args: ReadonlyArray<string>) => run("verify", "--against", noted, ...args)
        assert.strictEqual((yield* importing(lines(open("new"), deposit("new", "new-1", "1")))).code, 0)
        for (const args of [[], ["--public-key", own.pub]]) assert.strictEqual((yield* verify(...args)).code, 0)
        assertRefused(yield* verify("--public-key", other.pub), /the signature is not of this head and this key/)
        assertRefused(yield* run("verify", "--public-key", own.pub), /give it with --against/, 2)
        assertRefused(yield* run("head", "--key", keys(folder, "x", "x25519").key), /not of Ed25519/)

        // A later head shows the older copy.
        writeFileSync(noted, (yield* run("head")).stdout)
        const older = ["verify", "--against", noted, "--db", `sqlite:${join(folder, "older.db")}`]
        assertRefused(yield* Cli.run(older), /it ends at entry 5, before entry 7 of the noted head/)
        assertRefused(yield* verify("--public-key", own.pub), /has no signature to check/)
        const another = yield* database(...some)
        assertRefused(yield* another.run("verify", "--against", noted), /they part at entry 1/)

        // A refusal that was cut off the end, with its entry, which nothing else shows.
        tamper(file, (connection) =>
          connection.exec("DELETE FROM log_events WHERE position = 6; DELETE FROM log_entries WHERE sequence = 7")
        )
        assertRefused(yield* verify(), /it ends at entry 6, before entry 7 of the noted head/)

        for (const text of ["", "{}", JSON.stringify({ ...head, epoch: "1" }), JSON.stringify({ ...head, more: 1 })]) {
          writeFileSync(noted, text)
          assertRefused(yield* verify(), /is not the head of a log/)
        }
        assertRefused(yield* run("verify", "--against", join(folder, "nowhere")), /nowhere cannot be read/)
      }),
    120_000
  )
})

describe("an export", () => {
  const before = join(import.meta.dirname, "../fixtures/exports/before-journal.jsonl")

  it.scoped("carries the journal: out, in and out again are the same bytes, and one head (JR5)", () =>
    Effect.gen(function* () {
      const { run } = yield* database(...some)
      const { stdout: log } = yield* run("export")
      const copy = yield* database()
      const imported = yield* Cli.run(["import", "-", "--format", "events", "--db", `sqlite:${copy.file}`], {
        stdin: log
      })
      assert.strictEqual(imported.code, 0, imported.stderr)
      assert.strictEqual((yield* copy.run("export")).stdout, log)
      assert.strictEqual((yield* copy.run("head")).stdout, (yield* run("head")).stdout)
      assert.strictEqual((yield* copy.run("verify")).code, 0)
    })
  )

  it.scoped("of before the journal imports with the same events and answers, and gets entries (JR5)", () =>
    Effect.gen(function* () {
      const { file, importing, run } = yield* database()
      const imported = yield* Cli.run(["import", before, "--format", "events", "--db", `sqlite:${file}`, "--json"])
      assert.strictEqual(imported.code, 0, imported.stderr)
      assert.deepInclude(JSON.parse(imported.stdout), { events: 31, commands: 36 })
      const rows = (text: string) =>
        text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line))
      const old = rows(readFileSync(before, "utf8"))
      const now = rows((yield* run("export")).stdout)
      assert.deepStrictEqual(
        now.filter((row) => "position" in row).map(({ sequence: _, ...event }) => event),
        old.filter((row) => "position" in row)
      )
      const answers = (all: ReadonlyArray<{ readonly [key: string]: { readonly commandId: string } }>, what: string) =>
        new Map(all.flatMap((row) => (row[what] === undefined ? [] : [[row[what].commandId, row[what]]])))
      const kept = answers(now, "entry")
      for (const [id, command] of answers(old, "command")) assert.deepInclude(kept.get(id), command)
      assert.strictEqual((yield* run("verify")).code, 0)
      // A retry is answered as before.
      assert.strictEqual((yield* importing(lines(deposit("a", "d-a-1", "12.50")))).code, 0)
      assert.strictEqual(rows((yield* run("export")).stdout).length, now.length)
    })
  )
})
