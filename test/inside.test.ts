/**
 * `examples/inside-your-app`, from the packed package: an application with a table of its own takes orders in the same
 * SQLite file. An order and what it takes from the stock are both there or neither, also where the process is killed
 * between.
 */
import { spawn } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { afterAll, assert, describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import * as Cli from "./cli/Cli.ts"
import * as Package from "./Package.ts"

const { daybook, folder, remove } = Package.project("examples/inside-your-app")
afterAll(remove)
const errors = Package.compile(folder)
const file = join(folder, "shop.db")

/** The program, once it listens. */
const start = () =>
  new Promise<{ readonly url: string; readonly end: (signal: NodeJS.Signals) => Promise<unknown> }>(
    (resolve, reject) => {
      const child = spawn(process.execPath, [join(folder, "dist/main.js"), file, "0"], { cwd: folder })
      const ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)))
      let said = ""
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text
      })
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        const url = /listening on (\S+)/.exec(text)?.[1]
        if (url === undefined) return
        const end = (signal: NodeJS.Signals) => {
          child.kill(signal)
          return ended
        }
        resolve({ url, end })
      })
      void ended.then((code) => reject(new Error(`it ended with ${code}: ${said}`)))
    }
  )

const order = async (url: string, id: string, item: string, pieces: number) => {
  const answer = await fetch(`${url}/orders/${id}`, { method: "POST", body: JSON.stringify({ item, pieces }) })
  return [answer.status, await answer.json()] as const
}

/** What was ordered by the log, and what is left by the application's table. */
const sides = () => {
  const database = new Sqlite(file, { readonly: true })
  try {
    const ordered = database
      .prepare("SELECT coalesce(sum(json_extract(data, '$.pieces')), 0) FROM daybook_events WHERE type = 'Placed'")
      .pluck()
      .get() as number
    return { ordered, left: database.prepare("SELECT sum(pieces) FROM stock").pluck().get() as number }
  } finally {
    database.close()
  }
}

describe("the example inside an application", () => {
  it("compiles strictly, and takes an order with its pieces, or neither", async () => {
    assert.deepStrictEqual(errors, [])
    const { end, url } = await start()
    assert.deepStrictEqual((await order(url, "1", "lamp", 2))[0], 201)
    // The same order again is the same order.
    assert.deepStrictEqual((await order(url, "1", "lamp", 2))[0], 201)
    assert.deepStrictEqual(await order(url, "1", "lamp", 1), [409, { error: "this order was placed" }])
    assert.deepStrictEqual(await order(url, "2", "lamp", 9), [409, { error: "not so many of lamp in stock" }])
    assert.deepStrictEqual((await order(url, "2", "lamp", 3))[0], 201)
    assert.deepStrictEqual((await (await fetch(`${url}/stock`)).json()) as unknown, [{ item: "lamp", pieces: 0 }])
    assert.strictEqual(await end("SIGTERM"), 0)
    assert.deepStrictEqual(sides(), { ordered: 5, left: 0 })
  })

  it("has both sides or neither wherever it is killed, and verifies", async () => {
    const database = new Sqlite(file)
    database.exec("INSERT INTO stock VALUES ('chair', 1000) ON CONFLICT DO NOTHING")
    database.close()
    const before = sides()
    let next = 100
    for (const answers of [1, 9, 30]) {
      const { end, url } = await start()
      let answered = 0
      const client = async () => {
        for (;;) {
          // Killed under the request: whether it was taken is what the two sides must agree on.
          const status = await order(url, String(next++), "chair", 1).then(
            ([status]) => status,
            () => 0
          )
          if (status !== 201 || ++answered === answers) return
        }
      }
      const clients = Array.from({ length: 4 }, client)
      await Promise.race(clients)
      await end("SIGKILL")
      await Promise.all(clients)
      const after = sides()
      assert.isAtLeast(after.ordered - before.ordered, answers)
      assert.strictEqual(after.ordered + after.left, before.ordered + before.left)
    }
    const verified = await Effect.runPromise(
      Cli.run(["verify", "--app", join(folder, "dist/Order.js"), "--db", `sqlite:${file}`, "--prefix", "daybook_"], {
        program: [process.execPath, join(daybook, "dist/bank/main.js")]
      })
    )
    assert.strictEqual(verified.code, 0, verified.stderr)
  })
})
