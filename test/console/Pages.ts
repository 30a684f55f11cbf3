/**
 * A page of the console in a real browser, with all that must not happen in it: errors, requests elsewhere, what the
 * policy refuses.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core"

export interface Watched {
  readonly page: Page
  readonly url: string
  /** What must not have happened; failed answers that the test expects are named by their path. */
  readonly assertClean: (expected?: RegExp) => void
  /** Another page of the same browser, with its cookies, of a service elsewhere. */
  readonly at: (url: string) => Effect.Effect<Watched>
}

const watch = (context: BrowserContext, url: string): Effect.Effect<Watched> =>
  Effect.gen(function* () {
    const page = yield* Effect.promise(() => context.newPage())
    const wrong: Array<string> = []
    const origin = new URL(url).origin
    page.on("pageerror", (error) => wrong.push(`error: ${error.message}`))
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        wrong.push(`console: ${message.text()} ${message.location().url}`)
      }
    })
    page.on("request", (request) => {
      if (!request.url().startsWith(`${origin}/`)) wrong.push(`request: ${request.url()}`)
    })
    return {
      page,
      url,
      assertClean: (expected) =>
        assert.deepStrictEqual(
          wrong.filter((each) => expected?.test(each) !== true),
          []
        ),
      at: (other) => watch(context, other)
    }
  })

/** Opens a page and watches it until the scope ends. */
export const open = (browser: Browser, url: string, options: BrowserContextOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => browser.newContext({ viewport: { width: 1280, height: 860 }, ...options })),
    (made) => Effect.promise(() => made.close())
  ).pipe(Effect.flatMap((context) => watch(context, url)))

/** Goes to a view, as who follows a link. */
export const go = ({ page, url }: Watched, view: string): Promise<unknown> => page.goto(`${url}/console#/${view}`)
