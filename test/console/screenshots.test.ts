/**
 * Makes the pictures of `docs/console.md`, from a seeded service, wide and narrow, light and dark: with
 * `DAYBOOK_SCREENSHOTS=FOLDER`, and not otherwise.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { afterAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Service from "../http/Service.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Chromium from "./Chromium.ts"
import * as Pages from "./Pages.ts"
import * as Seed from "./Seed.ts"

const folder = process.env.DAYBOOK_SCREENSHOTS
afterAll(Chromium.close)

/** Each with what it waits for: of the overview, the lines that two looks give. */
const views = {
  overview: ["overview", ".spark polyline"],
  account: ["aggregate/Account/anna?version=9", "a.event[aria-current]"],
  tail: ["tail", "text=SourceRefunded"]
} as const

describe.skipIf(folder === undefined)("pictures of the console", () => {
  it.scopedLive("are made", () =>
    Effect.gen(function* () {
      const { url } = yield* Service.start(["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`])
      yield* Seed.bank(url)
      const browser = yield* Effect.promise(() => Chromium.open())
      if (browser === undefined || folder === undefined) return
      mkdirSync(folder, { recursive: true })
      for (const width of [1280, 420]) {
        for (const colorScheme of ["light", "dark"] as const) {
          const watched = yield* Pages.open(browser, url, { colorScheme, viewport: { width, height: 860 } })
          for (const [name, [view, whole]] of Object.entries(views)) {
            yield* Effect.promise(async () => {
              await Pages.go(watched, view)
              await watched.page.locator(whole).first().waitFor({ state: "attached" })
              await watched.page.evaluate(() => document.fonts.ready)
              await watched.page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`) })
            })
          }
          watched.assertClean()
        }
      }
    })
  )
})
