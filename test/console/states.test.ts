/**
 * What each screen of the console shows while an answer is awaited, where the service fails, where nothing newer can be
 * had, and where there is nothing; and that the page goes on by itself when a service that was away is back. With
 * `DAYBOOK_LONG=1`, `axe` looks at each of these states, otherwise at those of the overview.
 */
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Browser, Locator, Page } from "playwright-core"
import * as Service from "../http/Service.ts"
import { isLong } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Answers from "./Answers.ts"
import * as Axe from "./Axe.ts"
import * as Chromium from "./Chromium.ts"
import * as Pages from "./Pages.ts"
import { rare, type Screen, screens } from "./Screens.ts"
import * as Seed from "./Seed.ts"

const browser = await Chromium.open()
afterAll(() => Chromium.close())

/** Longer than any screen waits before it asks again. */
const pauseMillis = 10_000

const main = (page: Page): Locator => page.locator("main")
const seen = (page: Page, text: string | RegExp): Promise<void> => main(page).getByText(text).first().waitFor()
const pressed = (page: Page, name: string): Promise<void> => main(page).getByRole("button", { name }).first().click()

/** A problem in its own words, with what the log of the service has it under. */
const failed = async (page: Page, within: string): Promise<void> => {
  const told = main(page).locator(within).first()
  for (const text of ["store-unavailable", "503", "The disk is full.", Answers.correlationId]) {
    await told.getByText(text).first().waitFor()
  }
}

/** Goes to a view from elsewhere, so that it begins as new. */
const enter = async (watched: Pages.Watched, view: string, press?: string): Promise<void> => {
  await Pages.go(watched, "nowhere")
  await seen(watched.page, "There is no view of this name")
  await Pages.go(watched, view)
  if (press !== undefined) await pressed(watched.page, press)
}

const look = async (watched: Pages.Watched, { asks, empty, newer, press, shows, view }: Screen): Promise<void> => {
  const { page } = watched
  const answers = await Answers.of(page, asks)
  const comesItself = newer === "by itself" || view === "tail"
  // Where newer comes by itself, the button may be gone before it is pressed.
  const again = () => (comesItself ? page.clock.fastForward(pauseMillis) : pressed(page, "Try again"))
  answers.are("held")
  await enter(watched, view, press)
  await seen(page, "Loading…")
  answers.are("failed")
  await failed(page, ".trouble")
  if (isLong || view === "overview") await Axe.assertAccessible(page, `${view}, failed`)
  answers.are("as they are")
  await again()
  await seen(page, shows)
  await main(page).locator(".trouble").waitFor({ state: "detached" })
  if (newer !== "never") {
    answers.are("failed")
    if (comesItself) await page.clock.fastForward(pauseMillis)
    else await pressed(page, "Refresh")
    await seen(page, /^Stale: what is below is of \d{4}-\d\d-\d\d/)
    await failed(page, ".notice")
    await seen(page, shows)
    if (isLong || view === "overview") await Axe.assertAccessible(page, `${view}, stale`)
    answers.are("as they are")
    await again()
    await main(page).locator(".notice").waitFor({ state: "detached" })
  }
  if (empty !== undefined) {
    const [says, of] = empty
    if (typeof of !== "string") answers.are(of)
    await enter(watched, typeof of === "string" ? of : view, press)
    await seen(page, says)
  }
  await answers.end()
}

describe.skipIf(browser === undefined)("the states of each screen", () => {
  it.scopedLive("are told: awaited, failed with what the log has it under, stale since when, and empty", () =>
    Effect.gen(function* () {
      const { url } = yield* Service.start(["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`])
      yield* Seed.bank(url)
      const watched = yield* Pages.open(browser as Browser, url)
      yield* Effect.promise(async () => {
        const { page } = watched
        await page.clock.install()
        for (const asks of [/^\/session$/, /^\/console\/application$/]) {
          const answers = await Answers.of(page, asks)
          answers.are("held")
          await Pages.go(watched, "overview")
          await page.reload({ waitUntil: "commit" })
          await seen(page, "Loading…")
          answers.are("failed")
          await failed(page, ".trouble")
          answers.are("as they are")
          await pressed(page, "Try again")
          await seen(page, "takes commits")
          await answers.end()
        }
        for (const screen of screens) {
          try {
            await look(watched, screen)
          } catch (cause) {
            throw new Error(`${screen.view}, ${screen.asks}: ${await main(page).innerText()}`, { cause })
          }
        }
        await page.setViewportSize({ width: 420, height: 860 })
        for (const { asks, of, shows, view } of rare) {
          const answers = await Answers.of(page, asks)
          answers.are(of)
          await enter(watched, view)
          await seen(page, shows)
          assert.isAtMost(await page.evaluate(() => document.documentElement.scrollWidth), 420, view)
          await answers.end()
        }
      })
      watched.assertClean(/503|404/)
    })
  )

  it.scopedLive("of a service that goes away and comes back: stale, and then the newest, with the gap told", () =>
    Effect.gen(function* () {
      const args = ["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`]
      const { ended, process, url } = yield* Service.start(args)
      yield* Seed.bank(url)
      const overview = yield* Pages.open(browser as Browser, url)
      const tail = yield* overview.at(url)
      yield* Effect.promise(async () => {
        await Pages.go(overview, "overview")
        await seen(overview.page, "takes commits")
        await Pages.go(tail, "tail")
        await seen(tail.page, "SourceRefunded")
      })
      process.kill("SIGKILL")
      yield* ended
      for (const { page } of [overview, tail]) {
        yield* Effect.promise(async () => {
          await seen(page, /^Stale: what is below is of/)
          await seen(page, "unreachable")
        })
      }
      yield* Effect.promise(() => seen(overview.page, "takes commits"))
      yield* Service.start(args, { port: Number(new URL(url).port) })
      yield* Service.ask(`${url}/accounts/ben/deposits`, { body: { amount: "7" } })
      yield* Effect.promise(async () => {
        await seen(
          tail.page,
          /^The connection was lost, and is there again: what was stored after position \d+ follows/
        )
        await seen(tail.page, '{"amount":"7.00"}')
        for (const { page } of [overview, tail]) {
          await main(page)
            .getByText(/^Stale/)
            .waitFor({ state: "detached" })
        }
      })
      for (const watched of [overview, tail]) watched.assertClean(/ERR_/)
    })
  )
})
