/**
 * The console in a real browser: each screen by mouse and by keyboard, clean for the policy and for people who cannot
 * see. `npm test` has a tour by the keyboard and a few views; with `DAYBOOK_LONG=1` there are all of them, in each form
 * and size, and what operators do.
 */
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { inject } from "vitest"
import * as Service from "../http/Service.ts"
import { isLong } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Axe from "./Axe.ts"
import * as Chromium from "./Chromium.ts"
import * as Pages from "./Pages.ts"
import * as Seed from "./Seed.ts"

const browser = await Chromium.open()
afterAll(() => Chromium.close())

/** Bytes of the script as it is sent. */
const mostScript = 40_000

const started = Effect.gen(function* () {
  const { url } = yield* Service.start(["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`])
  yield* Seed.bank(url)
  return url
})

const seen = (page: Page, text: string | RegExp): Promise<void> => page.getByText(text).first().waitFor()
const textOf = (page: Page): Promise<string> => page.locator("main").innerText()

/** A token of this scope, `read-token` or `admin-token`, as the file of tokens has it. */
const entryOf = (scope: string) => ({
  name: scope,
  sha256: createHash("sha256").update(`${scope}-token`).digest("hex"),
  scopes: [scope]
})

/** Each with a text that is there once it is whole; those of `npm test` are `few`. */
const views: ReadonlyArray<readonly [string, string]> = [
  ["overview", "takes commits"],
  ["aggregates/Account", "1800.00"],
  ["aggregates/Transfer", "too-much"],
  ["aggregate/Account/anna?version=9", "Withdraw · "],
  ["aggregate/Account/anna?view=compare&from=3&version=20", "balance"],
  ["aggregate/Account/anna?view=chart", "at version"],
  ["aggregate/Account/anna?view=page-0", "receipt 24"],
  ["command/Account/emil/refused-1", "InsufficientFunds"],
  ["search?q=anna", "27 events"],
  ["tail", "SourceRefunded"],
  ["projections", "account_summary"],
  ["reactions", "transfers"],
  ["timers", "timers?"],
  ["journal", "Newest entry"],
  ["operations", "Operators did nothing yet|no reason given"],
  ["store", "DAYBOOK_PORT"],
  ["nodes", "alone"]
]
const few = new Set(["overview", "aggregates/Account", "aggregate/Account/anna?version=9", "projections"])

interface Form {
  readonly colorScheme: "light" | "dark"
  readonly width: number
}
const forms: ReadonlyArray<Form> = [
  { colorScheme: "light", width: 1280 },
  { colorScheme: "dark", width: 420 },
  { colorScheme: "light", width: 420 },
  { colorScheme: "dark", width: 1280 }
]

describe("the console's files", () => {
  it("are small, and name nothing that is not theirs", () => {
    const folder = join(inject("dist"), "console")
    const script = readFileSync(join(folder, "app.js"))
    assert.isAtMost(gzipSync(script, { level: 9 }).length, mostScript)
    const page = readFileSync(join(folder, "index.html"), "utf8")
    assert.notMatch(page, /<script>|<style|style=|\son\w+=|https?:/)
  })
})

describe.skipIf(browser === undefined)("the console in a browser", () => {
  const open = (url: string, options: BrowserContextOptions) => Pages.open(browser as Browser, url, options)

  it.scopedLive("shows its views, whole and with nothing serious for axe, in each form and size", () =>
    Effect.gen(function* () {
      const url = yield* started
      for (const { colorScheme, width } of isLong ? forms : forms.slice(0, 1)) {
        const watched = yield* open(url, { colorScheme, viewport: { width, height: 860 } })
        yield* Effect.promise(async () => {
          const { page } = watched
          for (const [view, text] of isLong ? views : views.filter(([each]) => few.has(each))) {
            await Pages.go(watched, view)
            await page.locator("main").getByText(new RegExp(text)).first().waitFor()
            await Axe.assertAccessible(page, `${view}, ${colorScheme}, ${width}`)
            const [wide, all] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth])
            assert.isAtMost(all ?? 0, wide ?? 0, `${view} is wider than ${width}`)
          }
        })
        watched.assertClean()
      }
    })
  )

  it.scopedLive("is gone through by the keyboard alone", () =>
    Effect.gen(function* () {
      const watched = yield* open(yield* started, {})
      yield* Effect.promise(async () => {
        const { page } = watched
        await Pages.go(watched, "overview")
        await seen(page, "takes commits")
        await page.keyboard.press("/")
        await page.keyboard.type("anna")
        await page.keyboard.press("Enter")
        await page.locator("a:focus").waitFor()
        await page.keyboard.press("Enter")
        await seen(page, "Version 27 of 27")
        assert.include(page.url(), "#/aggregate/Account/anna")
        await page.keyboard.press("ArrowLeft")
        await seen(page, "Version 26 of 27")
        assert.include(page.url(), "version=26")
        await page.keyboard.press("Shift+ArrowLeft")
        await seen(page, "Version 16 of 27")
        await page.keyboard.press("ArrowRight")
        await seen(page, "Version 17 of 27")
        // Faster than the page draws: each is a step from the one before.
        for (let count = 0; count < 5; count++) await page.keyboard.press("ArrowLeft")
        await seen(page, "Version 12 of 27")
        // A list: the second row of it.
        await Pages.go(watched, "aggregates/Account")
        await seen(page, "emil")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await seen(page, "Account ben")
        // A dialog is left by Escape, and nothing was done.
        await Pages.go(watched, "projections")
        await page.getByRole("button", { name: "Pause…" }).first().focus()
        await page.keyboard.press("Enter")
        await page.getByRole("dialog").waitFor()
        await page.keyboard.press("Escape")
        await page.getByRole("dialog").waitFor({ state: "detached" })
        // The focus is back where it was.
        await page.keyboard.press("Enter")
        await page.getByRole("dialog").waitFor()
        // The browser tells of its end after the next one was chosen, which stays.
        await page.evaluate(async () => {
          const dialog = document.querySelector("dialog")
          const told = new Promise((resolve) => dialog?.addEventListener("close", resolve))
          dialog?.close()
          ;(document.activeElement as HTMLElement).click()
          await told
        })
        await page.getByRole("dialog").waitFor()
        // Nor does one stay over another view.
        await page.goBack()
        await seen(page, "Account ben")
        await page.getByRole("dialog").waitFor({ state: "detached" })
      })
      watched.assertClean()
    })
  )

  it.scopedLive("shows each of many operations once, the newest first, however far they are from each other", () =>
    Effect.gen(function* () {
      const { url } = yield* Service.start(["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`])
      const operate = (count: number) =>
        Effect.forEach(Array.from({ length: count }), (_, index) =>
          Service.ask(`${url}/projections/account_summary/${index % 2 === 0 ? "pause" : "resume"}`, { method: "POST" })
        )
      yield* operate(30)
      yield* Service.ask(`${url}/accounts`, { body: { accountId: "anna", owner: "Anna", currency: "EUR" } })
      // More than the page looks back over at once.
      const deposit = Service.ask(`${url}/accounts/anna/deposits`, { body: { amount: "1" } })
      yield* Effect.replicateEffect(deposit, 600, { concurrency: 16, discard: true })
      yield* operate(110)
      const { json } = yield* Service.ask(`${url}/operations?limit=1000`)
      const entries: ReadonlyArray<string> = json.operations
        .map(({ sequence }: { readonly sequence: number }) => `#${sequence}`)
        .toReversed()
      const [first, next] = [entries[0], entries[100]]
      assert(first !== undefined && next !== undefined && entries.length >= 140)
      const watched = yield* open(url, {})
      yield* Effect.promise(async () => {
        const { page } = watched
        const shown = page.getByRole("region", { name: "Operations" }).getByRole("link")
        const link = (name: string) => page.getByRole("link", { name, exact: true })
        await Pages.go(watched, "operations")
        await link(first).waitFor()
        const newest = await shown.allInnerTexts()
        await link("Older").click()
        await link(next).waitFor()
        const oldest = await shown.allInnerTexts()
        assert.strictEqual(newest.length, 100)
        assert.deepStrictEqual([...newest, ...oldest], entries)
        assert.strictEqual(await link("Older").count(), 0)
        await link("Newest").click()
        await link(first).waitFor()
      })
      watched.assertClean()
    })
  )
})

describe.skipIf(browser === undefined || !isLong)("those who work in the console", () => {
  const open = (url: string, options: BrowserContextOptions) => Pages.open(browser as Browser, url, options)

  it.scopedLive("do what an operator confirms, with the reason in the journal", () =>
    Effect.gen(function* () {
      const watched = yield* open(yield* started, {})
      yield* Effect.promise(async () => {
        const { page } = watched
        await Pages.go(watched, "projections")
        await page.getByRole("button", { name: "Pause…" }).first().click()
        const dialog = page.getByRole("dialog")
        const confirm = dialog.getByRole("button", { name: "Pause", exact: true })
        assert.isTrue(await confirm.isDisabled())
        await dialog.getByLabel("Reason").fill("a look at the table")
        assert.include(
          await dialog.innerText(),
          "daybook projections pause account_summary --reason 'a look at the table'"
        )
        assert.include(await dialog.innerText(), "curl -X POST")
        await Axe.assertAccessible(page, "an action")
        await confirm.click()
        await seen(page, "Done: it is in the journal")
        await dialog.getByRole("button", { name: "Close" }).click()
        await page.getByRole("button", { name: "Resume…" }).waitFor()
        await page.getByRole("button", { name: "Rebuild…" }).first().click()
        await seen(page, "Dry run: it reads")
        await page.keyboard.press("Escape")
        await Pages.go(watched, "operations")
        await seen(page, "a look at the table")
      })
      watched.assertClean()
    })
  )

  it.scopedLive("follow the log, hold what comes while it is paused, and leave out what they do not want", () =>
    Effect.gen(function* () {
      const url = yield* started
      const watched = yield* open(url, {})
      const deposit = (key: string) =>
        Effect.runPromise(Service.ask(`${url}/accounts/ben/deposits`, { body: { amount: "7" }, key }))
      yield* Effect.promise(async () => {
        const { page } = watched
        await Pages.go(watched, "tail")
        await seen(page, "SourceRefunded")
        await deposit("while it is live")
        await page.getByText('{"amount":"7.00"}').first().waitFor()
        await page.getByRole("button", { name: "Pause" }).click()
        await deposit("while it is paused")
        await page.getByRole("button", { name: "Resume, 1 held" }).click()
        await page.getByText('{"amount":"7.00"}').nth(1).waitFor()
        // What is read stays in its place while others come.
        await page.locator(".virtual").evaluate((box) => box.scrollTo(0, 400))
        const row = page.locator(".virtual .row", { hasText: '"receipt 24"' })
        await row.waitFor()
        const [lines, place] = [Number(await row.getAttribute("aria-setsize")), await row.boundingBox()]
        await deposit("while somebody reads")
        await page
          .locator(`.virtual .row[aria-setsize="${lines + 1}"]`)
          .first()
          .waitFor()
        assert.deepStrictEqual(await row.boundingBox(), place)
        await page.getByRole("button", { name: "Without Deposited" }).first().click({ force: true })
        await page.getByText("without type Deposited").waitFor()
        await page.getByText('{"amount":"7.00"}').first().waitFor({ state: "detached" })
        await seen(page, "SourceRefunded")
        assert.include(page.url(), "only=")
      })
      watched.assertClean()
    })
  )

  it.scopedLive("are asked for a token where the service asks, and change nothing where they may only read", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const tokens = join(folder, "tokens.json")
      writeFileSync(tokens, JSON.stringify([entryOf("read"), entryOf("admin")]))
      const { url } = yield* Service.start(["--db", `sqlite:${join(folder, "d.db")}`, "--tokens", tokens])
      const watched = yield* open(url, {})
      yield* Effect.promise(async () => {
        const { page } = watched
        await Pages.go(watched, "projections")
        await page.getByLabel("Token").fill("nobody's")
        await page.keyboard.press("Enter")
        await seen(page, "unauthorized")
        await Axe.assertAccessible(page, "sign in")
        await page.getByLabel("Token").fill("read-token")
        await page.getByRole("button", { name: "Sign in" }).click()
        await seen(page, "account_summary")
        assert.notInclude(await textOf(page), "Rebuild")
        assert.strictEqual(await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage })), "{}")
        await page.getByRole("button", { name: "Sign out" }).click()
        await page.getByLabel("Token").fill("admin-token")
        await page.keyboard.press("Enter")
        await page.getByRole("button", { name: "Rebuild…" }).first().click()
        const dialog = page.getByRole("dialog")
        await dialog.getByLabel("Reason").fill("a column is new")
        await dialog.getByRole("button", { name: "Rebuild", exact: true }).click()
        await seen(page, "Done: it is in the journal")
      })
      watched.assertClean(/401/)
    })
  )
})
