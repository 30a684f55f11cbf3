/**
 * OP3 to OP6: the command line as people meet it, on terminals of some widths, in pipes, with data that would steer a
 * terminal.
 */
import { spawn, spawnSync } from "node:child_process"
import { readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { inject } from "vitest"
import * as Arguments from "../../src/cli/Arguments.ts"
import * as Text from "../../src/cli/Text.ts"
import { Flood } from "../../src/core/Flood.ts"
import * as Serve from "../http/Serve.ts"
import * as Service from "../http/Service.ts"
import * as Cli from "./Cli.ts"
import { database, deposit, lines, open, some, withdraw } from "./Rows.ts"

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
const escapes = /\u001b/
const hasScript = spawnSync("script", ["--version"]).status === 0

/** What a terminal of this width is sent. */
const onTerminal = (columns: number, args: ReadonlyArray<string>, env: Record<string, string> = {}) => {
  const quoted = [...Cli.program(), ...args].map((each) => `'${each.replaceAll("'", "'\\''")}'`).join(" ")
  const ended = spawnSync("script", ["-qec", `stty cols ${columns}; ${quoted}`, "/dev/null"], {
    encoding: "utf8",
    env: { ...process.env, TERM: "xterm", ...env }
  })
  return { code: ended.status, text: ended.stdout.replaceAll("\r\n", "\n") }
}

describe("the command line", () => {
  it.scoped(
    "has help without escape codes in a pipe, which names the program, each default and each variable (OP4)",
    () =>
      Effect.gen(function* () {
        const all = yield* Cli.run(["--help"])
        assert.strictEqual(all.code, 0)
        for (const name of ["serve", "restore", "projections retry", "--app", "--log-format"])
          assert.include(all.stdout, name)
        const serve = yield* Cli.run(["serve", "--help"])
        assert.include(serve.stdout, "daybook serve [--db text]")
        assert.include(serve.stdout, "[default: 127.0.0.1; variable: DAYBOOK_HOST]")
        const man = yield* Cli.run(["man"])
        for (const { stdout } of [all, serve, man]) assert.notMatch(stdout, escapes)
        for (const option of ["restore", "\\-\\-above\\-epoch", "DAYBOOK_TOKENS"]) assert.include(man.stdout, option)
        assert.include((yield* Cli.run(["--completions", "bash"])).stdout, "restore")
      })
  )

  it("fits a terminal of 40, 80 and 200 columns, in colour unless NO_COLOR asks for none (OP4)", ({ skip }) => {
    if (!hasScript) return skip("there is no script, which makes a terminal")
    for (const columns of [40, 80, 200]) {
      for (const args of [["--help"], ["serve", "--help"], ["projections", "--help"]]) {
        const plain = onTerminal(columns, args, { NO_COLOR: "1" })
        assert.strictEqual(plain.code, 0, plain.text)
        assert.notMatch(plain.text, escapes)
        for (const line of plain.text.split("\n")) assert.isAtMost(line.length, columns, line)
        assert.match(onTerminal(columns, args, { NO_COLOR: "" }).text, escapes)
      }
    }
  })

  it.scoped(
    "shows what is stored so that no terminal acts on it, and fits it in; a pipe gets the bytes (OP4)",
    ({ skip }) =>
      Effect.gen(function* () {
        const hostile = "Jana\u001b[2J\u009b31m\u202e\u0007"
        const { file, run } = yield* database(open("a", { owner: hostile }), deposit("a", "d-1", "12.50"))
        const exported = (yield* run("export")).stdout
        assert.include(exported, "\u009b31m")
        const piped = yield* run("inspect", "account-a")
        assert.notMatch(piped.stdout, escapes)
        assert.notInclude(piped.stdout, "\u009b")
        if (!hasScript) return skip("there is no script, which makes a terminal")
        for (const columns of [40, 80, 200]) {
          for (const args of [
            ["inspect", "account-a"],
            ["projections"],
            ["export"],
            ["inspect", "account-a", "--json"]
          ]) {
            const { text } = onTerminal(columns, [...args, "--db", `sqlite:${file}`], { NO_COLOR: "1" })
            // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
            assert.notMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/, args.join(" "))
            const isJson = args.includes("export") || args.includes("--json")
            for (const line of text.split("\n")) assert.isTrue(isJson || line.length <= columns, line)
          }
        }
        const shown = onTerminal(80, ["export", "--db", `sqlite:${file}`]).text
        assert.deepStrictEqual(
          shown
            .trim()
            .split("\n")
            .map((row) => JSON.parse(row)),
          exported
            .trim()
            .split("\n")
            .map((row) => JSON.parse(row))
        )
      })
  )

  it.scoped("prints nothing into a bar, which leaves nothing behind (OP4)", ({ skip }) =>
    Effect.gen(function* () {
      if (!hasScript) return skip("there is no script, which makes a terminal")
      const { folder } = yield* database()
      const file = join(folder, "b.db")
      const input = join(folder, "rows.jsonl")
      yield* Effect.sync(() => spawnSync("tee", [input], { input: lines(...some) }))
      const { code, text } = onTerminal(40, ["import", input, "--format", "commands", "--db", `sqlite:${file}`])
      assert.strictEqual(code, 0, text)
      // Each time the line is drawn or cleared it starts again; what is left at the end is the result.
      const drawn = text.split("\u001b[K").flatMap((part) => part.split("\r"))
      for (const line of drawn.slice(0, -1)) assert.isBelow(line.split("\n").at(-1)?.length ?? 0, 40, line)
      const result = /(?:^|\n)refused: 1 InsufficientFunds\n4 applied, 0 replayed, 1 refused\n$/
      assert.match(drawn.at(-1) ?? "", result)
    })
  )

  it.scoped("takes an option of the verb wherever it stands, or refuses it; ends with 0, 1 or 2 (OP6)", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* database(...some)
      const db = ["--db", `sqlite:${file}`]
      const none = ["--db", `sqlite:${join(folder, "none.db")}`]
      const table: ReadonlyArray<readonly [args: ReadonlyArray<string>, code: number, says: RegExp]> = [
        [[...db, "head"], 0, /logId/],
        [["head", `--db=sqlite:${file}`], 0, /logId/],
        [["projections", ...db, "retry", "account_summary", "account-a"], 1, /has no failed event/],
        [["projections", ...none, "retry", "account_summary", "account-a"], 1, /none\.db does not exist/],
        [[...none, "projections", "retry", "account_summary", "account-a"], 1, /none\.db does not exist/],
        [[...db, "openapi"], 2, /--db/],
        [["head", ...db, "--port", "1"], 2, /--port/],
        [["inspect", ...db, "account-b", "--json"], 0, /AccountOpened/],
        [["inspect", ...db, "account-nobody"], 1, /there is no stream/],
        [["serve", ...db, "--port", "70000"], 2, /--port/],
        [["serve", "--db", "mysql:x"], 2, /--db/],
        [["--log-format", "xml", "head", ...db], 2, /pretty or json/],
        [["bogus"], 2, /bogus|subcommand/],
        [[], 2, /name a verb/]
      ]
      for (const [args, code, says] of table) {
        const ended = yield* Cli.run(args)
        assert.strictEqual(ended.code, code, `${args.join(" ")}: ${ended.stderr}`)
        assert.match(code === 0 ? ended.stdout : ended.stderr, says, args.join(" "))
      }
    })
  )

  it.scoped("import says how many rows were refused for what, and lists them in a file of their own (OP7)", () =>
    Effect.gen(function* () {
      const { folder, importing, run } = yield* database()
      const rejects = join(folder, "rejects.jsonl")
      const rows = [open("a"), withdraw("a", "w-1", "5"), open("a", { commandId: "again" }), withdraw("a", "w-2", "6")]
      const ended = yield* importing(lines(...rows), "--rejects", rejects)
      assert.deepStrictEqual(JSON.parse(ended.stdout), {
        applied: 1,
        replayed: 0,
        refused: 3,
        refusals: { InsufficientFunds: 2, AccountExists: 1 }
      })
      const listed = readFileSync(rejects, "utf8")
        .trim()
        .split("\n")
        .map((row) => JSON.parse(row))
      assert.deepStrictEqual(
        listed.map(({ line, reason, row }) => [line, reason, JSON.parse(row).commandId]),
        [
          [2, "InsufficientFunds", "w-1"],
          [3, "AccountExists", "again"],
          [4, "InsufficientFunds", "w-2"]
        ]
      )
      assert.strictEqual((statSync(rejects).mode & 0o777).toString(8), "600")
      const again = yield* importing(lines(...rows), "--rejects", rejects)
      assert.strictEqual(again.code, 1)
      assert.match(again.stderr, /cannot be written: EEXIST/)
      assert.strictEqual((yield* run("import", "x", "--format", "events", "--rejects", rejects)).code, 2)
    })
  )
})

describe("signals", () => {
  it.scopedLive("SIGHUP ends nothing, and a start says in one line what runs on which log (OP3)", () =>
    Effect.gen(function* () {
      const { file } = yield* database(...some)
      const service = yield* Serve.start(Cli.program(), ["--db", `sqlite:${file}`])
      service.process.kill("SIGHUP")
      const answer = yield* Effect.promise(() => fetch(`${service.url}/health/ready`))
      assert.strictEqual(answer.status, 200)
      const started = service
        .stderr()
        .split("\n")
        .filter((line) => line.includes('"started"'))
      assert.strictEqual(started.length, 1, service.stderr())
      const { annotations } = JSON.parse(started[0] ?? "")
      assert.deepInclude(annotations, { version: "0.1.0", database: file, epoch: 1, durability: "full", migrations: 0 })
      assert.match(annotations.logId, /^[0-9a-f]{32}$/)
      service.process.kill("SIGTERM")
      assert.strictEqual(yield* service.ended, 0)
    })
  )

  it.scopedLive(
    "npm start passes SIGTERM to the server, which answers it in order (OP3 F65)",
    () =>
      Effect.gen(function* () {
        const folder = yield* Cli.folder
        const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"))
        // As it is, except for the compiler, which the build of the tests is of.
        const own = { name: "started", scripts: { build: "true", start: scripts.start } }
        writeFileSync(join(folder, "package.json"), JSON.stringify(own))
        symlinkSync(inject("dist"), join(folder, "dist"))
        const child = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn("npm", ["start", "--silent", "--", "--port", "0", "--db", `sqlite:${join(folder, "d.db")}`], {
              cwd: folder,
              stdio: ["ignore", "pipe", "pipe"]
            })
          ),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)))
        const url = yield* Effect.async<string>((resume) => {
          let text = ""
          child.stdout.setEncoding("utf8").on("data", (part: string) => {
            text += part
            const [, found] = /^listening on (\S+)$/m.exec(text) ?? []
            if (found !== undefined) resume(Effect.succeed(found))
          })
        })
        // Accepted before the signal; its last byte comes after it.
        const slow = yield* Service.connection(url)
        const body = JSON.stringify({ accountId: "a", owner: "Anna", currency: "EUR" })
        const head = "POST /accounts HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        yield* slow.send(`${head}content-length: ${body.length}\r\n\r\n${body.slice(0, -1)}`)
        yield* Service.ask(`${url}/health/ready`)
        child.kill("SIGTERM")
        // It takes no connection any more.
        yield* Effect.repeat(Effect.exit(Service.tryAsk(`${url}/health/live`)), { until: Exit.isFailure })
        yield* slow.send(body.slice(-1))
        yield* slow.receive(" 201 ")
        // The streams of npm are the server's: they close when both have ended.
        assert.strictEqual(yield* Effect.promise(() => ended), 0)
      }),
    60_000
  )
})

describe("a flood", () => {
  it("tells the first of a kind, counts the others, and sums them up once for each window", () => {
    const flood = new Flood({ burst: 2, windowMs: 100 })
    const told = Array.from({ length: 1_000 }, (_, n) => flood.note("full", `m-${n}`, n / 10))
    assert.deepStrictEqual(told.slice(0, 3), [undefined, undefined, "m-1"])
    assert.deepStrictEqual(flood.due(99), [])
    assert.deepStrictEqual(flood.due(100), [{ kind: "full", mark: "m-1", count: 998, seconds: 0 }])
    assert.strictEqual(flood.note("full", "later", 150), "m-1")
    assert.strictEqual(flood.due(200).length, 1)
    assert.deepStrictEqual(flood.due(300), [])
    assert.isUndefined(flood.note("full", "new", 301))
    // At the end nothing is left untold, whether its window is over or not.
    for (let n = 0; n < 3; n++) flood.note("full", "new", 302)
    assert.deepStrictEqual(flood.rest(303), [{ kind: "full", mark: "new", count: 2, seconds: 0 }])
    assert.deepStrictEqual(flood.rest(304), [])
  })

  it("bounds the kinds that are told apart", () => {
    const flood = new Flood({ burst: 1, windowMs: 100 })
    const told = Array.from({ length: 10_000 }, (_, n) => flood.note(`kind ${n}`, "m", 0)).filter(
      (mark) => mark === undefined
    )
    assert.isBelow(told.length, 300)
  })
})

describe("texts", () => {
  it("are wrapped by columns, also where a word is longer than a line, and lose nothing", () => {
    for (const columns of [20, 40, 80]) {
      const lines = Text.wrap(`  name ${"x".repeat(100)} 漢字漢字漢字漢字漢字漢字 end`, columns)
      for (const line of lines) assert.isAtMost(line.length, columns)
      assert.strictEqual(lines.join("").replaceAll(" ", ""), `name${"x".repeat(100)}漢字漢字漢字漢字漢字漢字end`)
    }
  })

  it("an option of the program is taken out once, and not behind --", () => {
    const take = (...args: ReadonlyArray<string>) =>
      Effect.runSync(Effect.either(Arguments.take(args, "--app", "a module")))
    assert.deepInclude(take("--app", "m", "head"), { _tag: "Right" })
    assert.strictEqual(take("head", "--app")._tag, "Left")
    assert.deepInclude(take("head", "--", "--app", "m"), { _tag: "Right" })
  })
})
