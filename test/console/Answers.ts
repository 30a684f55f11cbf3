/** Answers of the service that a test holds back, or makes others of: what a page shows meanwhile, and of them. */
import type { Page, Route } from "playwright-core"

type Mode = "as they are" | "held" | "failed" | ((answer: Readonly<Record<string, unknown>>) => object)

/** Under which the log of a service has what failed. */
export const correlationId = "0af7651916cd43dd8448eb211c80319c"

const problem = {
  type: "about:blank",
  title: "The store cannot be used at present; nothing was done.",
  status: 503,
  detail: "The disk is full.",
  instance: "/",
  code: "store-unavailable",
  correlationId
}

export interface Answers {
  /** From now on; those that are held get what the new mode is. */
  readonly are: (mode: Mode) => void
  readonly end: () => Promise<void>
}

/** The answers to requests for these paths, with their parameters; one at a time for each page. */
export const of = async (page: Page, asked: RegExp): Promise<Answers> => {
  let mode: Mode = "as they are"
  let release = (): void => {}
  let released = Promise.resolve()
  const matches = (url: URL) => asked.test(`${url.pathname}${url.search}`)
  const answer = async (route: Route): Promise<void> => {
    while (mode === "held") await released
    if (mode === "as they are") return route.continue()
    if (mode === "failed") {
      return route.fulfill({ status: 503, contentType: "application/problem+json", json: problem })
    }
    const response = await route.fetch()
    return route.fulfill({ response, json: mode(await response.json()) })
  }
  await page.route(matches, answer)
  return {
    are: (next) => {
      mode = next
      release()
      if (next === "held") {
        released = new Promise((resolve) => {
          release = resolve
        })
      }
    },
    // What is under way must end before the page does.
    end: () => page.unrouteAll({ behavior: "wait" })
  }
}
