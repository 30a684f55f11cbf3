/**
 * What operators do by clicks in the console: each button says what it will do, asks for a reason and shows its lines
 * for the command line and curl, and is an entry of the journal then, once and with who and why, however often it is
 * sent.
 */
import { createHash } from "node:crypto"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Browser, Page } from "playwright-core"
import * as Cli from "../cli/Cli.ts"
import * as Module from "../cli/Module.ts"
import * as Serve from "../http/Serve.ts"
import { ask } from "../http/Service.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Axe from "./Axe.ts"
import * as Chromium from "./Chromium.ts"
import * as Pages from "./Pages.ts"

const browser = await Chromium.open()
afterAll(() => Chromium.close())

const headers = { authorization: "Bearer boss" }

/** A service of this application whose one administrator has signed in to the console. */
const signedIn = (app: string, env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const tokens = join(folder, "tokens.json")
    const sha256 = createHash("sha256").update("boss").digest("hex")
    writeFileSync(tokens, JSON.stringify([{ name: "anna", sha256, scopes: ["admin"] }]))
    const args = ["--app", Module.built(app), "--db", `sqlite:${join(folder, "d.db")}`, "--tokens", tokens]
    const { url } = yield* Serve.start(Cli.program(), args, { env })
    const watched = yield* Pages.open(browser as Browser, url)
    yield* Effect.promise(async () => {
      await Pages.go(watched, "overview")
      await watched.page.getByLabel("Token").fill("boss")
      await watched.page.keyboard.press("Enter")
      await watched.page.getByText("takes commits").waitFor()
    })
    return { url, watched }
  })

const send = (url: string, path: string, body: object) =>
  Effect.map(ask(`${url}${path}`, { body, headers }), (answer) => assert.strictEqual(answer.status, 200, answer.text))

interface Deed {
  /** The panel or row that has the button. */
  readonly within: string
  readonly button: string
  readonly says: string
  /** Its line without `daybook` and the reason. */
  readonly cli: string
  /** The operation, as the journal calls it. */
  readonly name: string
}

/** Does it as somebody who reads first, and sends it twice as a page does whose first answer was lost. */
const act = async (page: Page, url: string, { button, cli, name, says, within }: Deed): Promise<void> => {
  const reason = `why ${name}`
  const place = page.locator(within).first()
  await place.getByRole("button", { name: `${button}…` }).click()
  const dialog = page.getByRole("dialog")
  await dialog.getByText(says).waitFor()
  const confirm = dialog.getByRole("button", { name: button, exact: true })
  assert.isTrue(await confirm.isDisabled(), `${name} asks for no reason`)
  await dialog.getByLabel("Reason").fill(reason)
  const told = await dialog.innerText()
  assert.include(told, `daybook ${cli} --reason '${reason}'`)
  assert.match(told, /curl -X POST -H "Authorization: Bearer \$TOKEN" -H 'Idempotency-Key: [\w-]{36}'/)
  assert.include(told, `"reason":"${reason}"`)
  await Axe.assertAccessible(page, name)
  let isLost = true
  const path = /\/(projections|reactions|timers)\/[^/]+\/[\w-]+$/
  await page.route(path, async (route) => {
    if (route.request().method() !== "POST" || !isLost) return route.continue()
    isLost = false
    await route.fetch()
    await route.abort()
  })
  await confirm.click()
  await dialog.getByText("unreachable").waitFor()
  await confirm.click()
  await dialog.getByText("Done: it is in the journal").waitFor()
  await page.unroute(path)
  await dialog.getByRole("button", { name: "Close" }).click()
  const { operations } = (await (await fetch(`${url}/operations`, { headers })).json()) as {
    readonly operations: ReadonlyArray<{ readonly name: string; readonly principal: string; readonly reason: string }>
  }
  assert.deepStrictEqual(
    operations.flatMap((each) => (each.name === name ? [[each.principal, each.reason]] : [])),
    [["anna", reason]]
  )
}

/** The two requests whose answers were lost on purpose. */
const lost = /net::ERR_FAILED/

describe.skipIf(browser === undefined)("operators in the console", () => {
  it.scopedLive("have what is stuck tried again, skipped and given up, and take it back", () =>
    Effect.gen(function* () {
      const trouble = join(yield* temporaryFolder, "trouble")
      writeFileSync(trouble, "")
      const { url, watched } = yield* signedIn("Depot", { DEPOT_TROUBLE: trouble })
      for (const [id, kilos] of [
        ["light", 1],
        ["heavy", 13],
        ["odd", 7],
        ["strange", 7]
      ] as const) {
        yield* send(url, `/aggregates/Parcel/${id}/Arrive`, { kilos })
      }
      yield* Effect.promise(async () => {
        const { page } = watched
        const panel = (name: string) => `article[aria-labelledby="of-${name}"]`
        const row = (name: string, id: string) => `${panel(name)} tr:has-text("parcel-${id}")`
        const deed = (name: string, id: string | null, button: string, verb: string, says: string): Deed => {
          const kind = name === "labels" && id !== null ? "reactions" : "projections"
          const of = `${kind} ${verb} ${name}${id === null ? "" : ` parcel-${id}`}`
          return {
            within: id === null ? panel(name) : row(name, id),
            button,
            says,
            cli: verb === "unskip" ? `${of} 1` : of,
            name: `${name === "labels" ? "reactions" : "projections"}.${verb}`
          }
        }
        await Pages.go(watched, "projections")
        // The one that halted, and the one that went on beside the stream.
        for (const name of ["weights", "scales"]) await page.locator(row(name, "heavy")).waitFor()
        await act(page, url, deed("weights", "heavy", "Skip", "skip", "passes over version 1 of parcel-heavy"))
        await page.locator(`${panel("weights")} >> text=why projections.skip`).waitFor()
        await act(page, url, deed("weights", "heavy", "Undo the skip", "unskip", "is rebuilt for that"))
        await act(page, url, deed("weights", null, "Pause", "pause", "stops after the event that it is at"))
        await act(page, url, deed("weights", null, "Resume", "resume", "goes on where it was paused"))
        await Pages.go(watched, "reactions")
        for (const id of ["odd", "strange"]) await page.locator(row("labels", id)).waitFor()
        await act(page, url, deed("labels", "odd", "Retry", "retry", "tries version 1 of parcel-odd (Arrived) again"))
        await act(page, url, deed("labels", "strange", "Abandon", "abandon", "Dry run:"))
        await page.locator(`${panel("labels")} >> text=why reactions.abandon`).waitFor()
        rmSync(trouble)
        await act(page, url, deed("labels", "strange", "Take up again", "take-up", "tries again what was given up"))
        await Pages.go(watched, "projections")
        // What it does takes its row away, and the dialog stays to say so.
        await act(
          page,
          url,
          deed("scales", "heavy", "Retry", "retry", "tries version 1 of parcel-heavy (Arrived) again")
        )
        await page.locator(`${panel("scales")} >> text=Nothing waits for an operator`).waitFor()
        await act(page, url, {
          ...deed("scales", null, "Rebuild", "rebuild", "Dry run: it reads"),
          cli: "rebuild scales"
        })
      })
      watched.assertClean(lost)
    })
  )

  it.scopedLive("keep their place when the keyboard is all they have, whatever goes from the page", () =>
    Effect.gen(function* () {
      const trouble = join(yield* temporaryFolder, "trouble")
      writeFileSync(trouble, "")
      const { url, watched } = yield* signedIn("Depot", { DEPOT_TROUBLE: trouble })
      for (const id of ["odd", "strange", "third"]) yield* send(url, `/aggregates/Parcel/${id}/Arrive`, { kilos: 7 })
      yield* Effect.promise(async () => {
        const { page } = watched
        const stuck = page.getByRole("region", { name: "Stuck work of labels" })
        const row = (id: string) => stuck.locator(`tr:has-text("parcel-${id}")`)
        /** By keys alone, from where the focus is; then the dialog is closed by the button that has it. */
        const confirm = async (what: string) => {
          await page.keyboard.press("Enter")
          await page.getByRole("dialog").getByText(what).first().waitFor()
          await page.keyboard.type("seen to")
          await page.keyboard.press("Enter")
          await page.getByText("Done: it is in the journal").waitFor()
          await page.getByRole("dialog").locator("button:focus", { hasText: "Close" }).waitFor()
        }
        const close = async () => {
          await page.keyboard.press("Enter")
          await page.getByRole("dialog").waitFor({ state: "detached" })
        }
        await Pages.go(watched, "reactions")
        for (const id of ["odd", "strange", "third"]) await row(id).waitFor()
        // Nothing was done, and the row is there.
        await row("strange").getByRole("button", { name: "Retry…" }).focus()
        await page.keyboard.press("Enter")
        await page.getByRole("dialog").getByText("parcel-strange").first().waitFor()
        await page.keyboard.press("Escape")
        await page.getByRole("dialog").waitFor({ state: "detached" })
        await row("strange").locator("button:focus", { hasText: "Retry…" }).waitFor()
        // It is gone when the dialog closes: the next one has the focus, and its buttons are about that.
        await page.keyboard.press("Tab")
        await confirm("parcel-strange")
        await row("strange").waitFor({ state: "detached" })
        await close()
        await row("third").locator("button:focus", { hasText: "Retry…" }).waitFor()
        // One above it goes, which nobody here has done; and then the last one.
        await page.keyboard.press("Tab")
        const body = JSON.stringify({ streamId: "parcel-odd" })
        const sent = { method: "POST", headers: { ...headers, "content-type": "application/json" }, body }
        await fetch(`${url}/reactions/labels/abandon`, sent)
        await row("odd").waitFor({ state: "detached" })
        await row("third").locator("button:focus", { hasText: "Abandon…" }).waitFor()
        await confirm("parcel-third")
        await close()
        await stuck.waitFor({ state: "detached" })
        await page.locator("h2:focus", { hasText: "labels" }).waitFor()
        // Another view is not begun in its middle.
        await page.getByRole("button", { name: "Pause…" }).focus()
        await Pages.go(watched, "projections")
        await page.getByRole("heading", { name: "scales" }).waitFor()
        assert.isTrue(await page.evaluate(() => document.activeElement === document.body))
      })
      watched.assertClean()
    })
  )

  it.scopedLive("have a timer fire now, and another one not at all", () =>
    Effect.gen(function* () {
      const { url, watched } = yield* signedIn("Belfry")
      for (const [id, minutes] of [
        ["tenor/ä", 60],
        ["treble", 90]
      ] as const) {
        yield* send(url, `/aggregates/Bell/${encodeURIComponent(id)}/RingLater`, { minutes })
      }
      yield* Effect.promise(async () => {
        const { page } = watched
        await Pages.go(watched, "timers")
        await page.getByText("2 timers wait; 0 of them late").waitFor()
        await Axe.assertAccessible(page, "timers")
        await act(page, url, {
          within: 'tr:has-text("tenor")',
          button: "Fire now",
          says: "Ring is sent now",
          cli: "timers fire 'bell-tenor/ä'",
          name: "timers.fire"
        })
        await page.getByText("1 timer waits").waitFor()
        await act(page, url, {
          within: 'tr:has-text("treble")',
          button: "Cancel timer",
          says: "Ring will not be sent",
          cli: "timers cancel bell-treble",
          name: "timers.cancel"
        })
        await page.getByText("No timer waits").waitFor()
        await Pages.go(watched, `aggregate/Timer/${encodeURIComponent("bell-tenor/ä")}`)
        await page.getByText("Version 2 of 2").waitFor()
      })
      watched.assertClean(lost)
    })
  )
})
