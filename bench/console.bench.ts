/**
 * Question: does the console stay usable where there is much: does a history of 100,000 events scroll, and does the
 * live tail follow 1,000 events a second?
 * Method: the bank's service as a process of its own on SQLite, and its page in headless Chromium, 1280 by 860. The
 * history is one account's without a snapshot, scrolled from the newest event to the oldest in 600 frames, so that
 * every frame has rows of its own. The tail is looked at for 10 seconds while other clients make 100 deposits each
 * tenth of a second. Reported are the times from frame to frame as the page has them: 16.7 ms is the least of a screen
 * with 60 a second. In the end the oldest event must be there to read, and the newest deposit at the head of the tail.
 * Not measured: painting by a graphics processor (here Chromium paints by the cores that service and clients use too);
 * other browsers.
 */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { setTimeout } from "node:timers/promises"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import * as Chromium from "../test/console/Chromium.ts"
import * as Serve from "../test/http/Serve.ts"
import * as Deposits from "./deposits.ts"
import { quantile, type Ratio, type Result, size, summary, withFolder } from "./harness.ts"
import * as LongAccount from "./LongAccount.ts"
import { programOf } from "./startup.bench.ts"

const events = size(1_000, 100_000)
const frames = size(30, 600)
const accounts = size(10, 1_000)
const rounds = size(1, 3)
/** For the tail: deposits that are sent each tenth of a second. */
const atOnce = 100
const tenths = size(3, 100)
const connections = 64
/** Milliseconds from frame to frame up to which people can still read and click: 20 frames a second. */
const usable = 50

/** Until all models are at the end of the log, so that nothing else is at work. */
const settled = async (url: string): Promise<void> => {
  for (;;) {
    const { projections } = (await (await fetch(`${url}/projections`)).json()) as {
      readonly projections: ReadonlyArray<{ readonly lag: { readonly events: number } }>
    }
    if (projections.every(({ lag }) => lag.events === 0)) return
    await setTimeout(50)
  }
}

/** Scrolls through the whole list, and returns the times from frame to frame. */
const scrolled = async (page: Page): Promise<ReadonlyArray<number>> => {
  const row = (index: number) => page.locator(`.virtual [aria-posinset="${index}"] a.event`)
  await page.locator(".virtual").evaluate((box) => box.scrollTo(0, 0))
  await row(1).waitFor()
  const times = await page.locator(".virtual").evaluate(
    (box, frames) =>
      new Promise<ReadonlyArray<number>>((resolve) => {
        const times: Array<number> = []
        const step = box.scrollHeight / frames
        const next = (before: number) => (now: number) => {
          times.push(now - before)
          if (times.length === frames) return resolve(times)
          box.scrollTop += step
          requestAnimationFrame(next(now))
        }
        requestAnimationFrame((now) => requestAnimationFrame(next(now)))
      }),
    frames
  )
  await page.locator(".virtual").evaluate((box) => box.scrollTo(0, box.scrollHeight))
  await row(events).waitFor()
  return times
}

/** The times from frame to frame while this many milliseconds pass. */
const watched = (page: Page, millis: number): Promise<ReadonlyArray<number>> =>
  page.evaluate(
    (millis) =>
      new Promise<ReadonlyArray<number>>((resolve) => {
        const times: Array<number> = []
        const end = performance.now() + millis
        const next = (before: number) => (now: number) => {
          times.push(now - before)
          if (now >= end) resolve(times)
          else requestAnimationFrame(next(now))
        }
        requestAnimationFrame((now) => requestAnimationFrame(next(now)))
      }),
    millis
  )

/** Makes deposits at their pace, or as fast as the service takes them; returns how many that were a second. */
const followed = async (url: URL, first: number): Promise<number> => {
  const start = performance.now()
  for (let tenth = 0; tenth < tenths; tenth++) {
    await setTimeout(Math.max(start + tenth * 100 - performance.now(), 0))
    await Deposits.make(url, connections, atOnce, accounts, first + tenth * atOnce)
  }
  const due = start + tenths * 100
  return (atOnce * tenths * 1_000) / (Math.max(performance.now(), due) - start)
}

interface Figures {
  readonly scrolls: ReadonlyArray<ReadonlyArray<number>>
  readonly tails: ReadonlyArray<ReadonlyArray<number>>
  readonly rates: ReadonlyArray<number>
}

const measure = async (page: Page, url: string): Promise<Figures> => {
  const service = new URL(url)
  const [scrolls, tails, rates]: [Array<ReadonlyArray<number>>, Array<ReadonlyArray<number>>, Array<number>] = [
    [],
    [],
    []
  ]
  await page.goto(`${url}/console#/aggregate/Account/${LongAccount.id}`)
  for (let round = 0; round < rounds; round++) scrolls.push(await scrolled(page))
  await Deposits.open(service, accounts)
  await page.goto(`${url}/console#/tail`)
  await page.getByText("live", { exact: true }).first().waitFor()
  for (let round = 0; round < rounds; round++) {
    const [times, rate] = await Promise.all([watched(page, tenths * 100), followed(service, round * tenths * atOnce)])
    tails.push(times)
    rates.push(rate)
    const { head } = (await (await fetch(`${url}/console/overview`)).json()) as {
      readonly head: { readonly position: number }
    }
    await page.locator(".virtual [aria-posinset='1']").getByText(String(head.position), { exact: true }).waitFor()
  }
  return { scrolls, tails, rates }
}

const looking = async (url: string): Promise<Figures> => {
  const browser = await Chromium.open()
  if (browser === undefined)
    throw new Error("the benchmark of the console needs Chromium: give its path in CHROMIUM_PATH")
  try {
    await settled(url)
    return await measure(await browser.newPage({ viewport: { width: 1280, height: 860 } }), url)
  } finally {
    await Chromium.close()
  }
}

export const run = (): Promise<ReadonlyArray<Result>> =>
  withFolder(async (folder) => {
    // `npm run bench` runs in the folder of the package; a build by the compiler alone has no page.
    const page = join(import.meta.dirname, "../src/console")
    execFileSync(process.execPath, ["src/console/page/bundle.mjs", page])
    const filename = join(folder, "daybook.db")
    await LongAccount.write(filename, events, size(500, 10_000))
    const program = [process.execPath, programOf(import.meta.dirname)] as const
    const { rates, scrolls, tails } = await Serve.start(program, ["--db", `sqlite:${filename}`]).pipe(
      Effect.flatMap(({ url }) => Effect.promise(() => looking(url))),
      Effect.scoped,
      Effect.runPromise
    )
    const result = (what: string, times: ReadonlyArray<ReadonlyArray<number>>): Result => ({
      benchmark: `console, from frame to frame: ${what}`,
      unit: "ms",
      rounds,
      measured: [0.5, 0.99].map((part) =>
        summary(
          `p${part * 100}`,
          times.map((each) => quantile(each, part))
        )
      )
    })
    return [
      result(`a history of ${events} events is scrolled`, scrolls),
      result("the live tail of 1,000 events/s", tails),
      {
        benchmark: "console: events that came to the tail",
        unit: "events/s",
        rounds,
        measured: [summary("came", rates)]
      }
    ]
  })

const perSecond = atOnce * 10

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  results.map(({ benchmark, measured, unit }) => {
    const median = (wanted: string) => measured.find(({ name }) => name === wanted)?.median ?? Number.NaN
    return unit === "ms"
      ? { what: `${benchmark}, p99 in parts of ${usable} ms`, ratio: median("p99") / usable, atMost: 1 }
      : { what: `${benchmark}, in parts of ${perSecond}`, ratio: median("came") / perSecond, atLeast: 0.9 }
  })
