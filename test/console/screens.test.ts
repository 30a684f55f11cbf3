/**
 * Each screen of the console in a real browser, by the mouse and by the keyboard alone: of the bank and of
 * `examples/reservation` on SQLite, of the bank on three nodes with PostgreSQL, and of a file that nobody serves.
 * Nowhere is there an error, a request elsewhere, or what `axe` calls serious.
 */
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Browser } from "playwright-core"
import * as Cli from "../cli/Cli.ts"
import * as Nodes from "../cluster/Nodes.ts"
import * as Serve from "../http/Serve.ts"
import * as Service from "../http/Service.ts"
import * as Package from "../Package.ts"
import { schema } from "../sql/Postgres.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Chromium from "./Chromium.ts"
import * as Hands from "./Hands.ts"
import * as Pages from "./Pages.ts"
import * as Seed from "./Seed.ts"
import * as Tours from "./Tours.ts"

const browser = await Chromium.open()
afterAll(() => Chromium.close())

const open = (url: string) => Pages.open(browser as Browser, url)

/** By each hand, in a browser of its own; `axe` looks once at what both see. */
const tour = (url: string, stops: Tours.Tour) =>
  Effect.forEach(
    Hands.hands,
    (hand) =>
      Effect.scoped(
        Effect.gen(function* () {
          const watched = yield* open(url)
          yield* Effect.promise(async () => {
            await Pages.go(watched, "overview")
            await Tours.walk(watched, stops, hand, { isLooking: hand === Hands.mouse })
          })
          watched.assertClean()
        })
      ),
    { discard: true }
  )

describe.skipIf(browser === undefined)("every screen, by the mouse and by the keyboard", () => {
  it.scopedLive("of the bank on SQLite", () =>
    Effect.gen(function* () {
      const { url } = yield* Service.start(["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`])
      yield* Seed.bank(url)
      yield* tour(url, Tours.bank)
    })
  )

  it.scopedLive("of a file that nobody serves, read only", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "d.db")
      yield* Effect.scoped(Effect.flatMap(Service.start(["--db", `sqlite:${file}`]), ({ url }) => Seed.bank(url)))
      const { url } = yield* Serve.startVerb(Cli.program(), ["console", file])
      const watched = yield* open(url.replace(/\/console$/, ""))
      yield* Effect.promise(async () => {
        const { page } = watched
        await Pages.go(watched, "overview")
        await page.getByText("read only", { exact: true }).waitFor()
        await Tours.walk(watched, Tours.reading, Hands.mouse, { isLooking: false })
        for (const view of ["projections", "reactions"]) {
          await Pages.go(watched, view)
          await page.getByText("Nothing waits for an operator.").first().waitFor()
          assert.strictEqual(await page.getByRole("button", { name: /…$/ }).count(), 0)
        }
      })
      watched.assertClean()
    })
  )

  it.scopedLive("of an application that is not ours", () =>
    Effect.gen(function* () {
      const { daybook, folder } = yield* Effect.acquireRelease(
        Effect.sync(() => Package.project("examples/reservation")),
        ({ remove }) => Effect.sync(remove)
      )
      assert.deepStrictEqual(Package.compile(folder), [])
      const program: Cli.Program = [process.execPath, join(daybook, "dist/bank/main.js")]
      const db = `sqlite:${join(folder, "shows.db")}`
      yield* Seed.untitledShow(join(folder, "shows.db"))
      const { url } = yield* Serve.start(program, ["--app", join(folder, "dist/src/application.js"), "--db", db])
      yield* Seed.reservation(url)
      yield* tour(url, Tours.reservation)
    })
  )

  it.scopedLive("of the bank on three nodes, to which one sign-in is enough", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [tokens, key] = [join(folder, "tokens.json"), join(folder, "session.key")]
      const sha256 = createHash("sha256").update("boss").digest("hex")
      writeFileSync(tokens, JSON.stringify([{ name: "boss", sha256, scopes: ["admin"] }]))
      writeFileSync(key, "5f".repeat(32))
      const nodes = yield* Nodes.start(Cli.program(), yield* schema, 3, ["--tokens", tokens, "--session-key", key])
      const [first, second, third] = nodes.map(({ url }) => url)
      assert(first !== undefined && second !== undefined && third !== undefined)
      yield* Seed.bank(second, { authorization: "Bearer boss" })
      for (const [hand, at] of [
        [Hands.mouse, second],
        [Hands.keyboard, third]
      ] as const) {
        const watched = yield* open(first)
        yield* Effect.promise(async () => {
          const { page } = watched
          await Pages.go(watched, "overview")
          await hand.type(page, page.getByLabel("Token"), "boss")
          await page.keyboard.press("Enter")
          await page.getByText("takes commits").waitFor()
        })
        watched.assertClean()
        // The cookie is of the host, whatever the port: as behind one address.
        const other = yield* watched.at(at)
        yield* Effect.promise(async () => {
          await Pages.go(other, "overview")
          await Tours.walk(other, Tours.bank, hand, { isLooking: false })
          await hand.press(other.page, other.page.getByRole("link", { name: "Nodes" }))
          await other.page.getByText("answers here").waitFor()
          assert.strictEqual(await other.page.getByText("healthy", { exact: true }).count(), 3)
        })
        other.assertClean()
      }
    })
  )
})
