/** The two ways in which people use a page: by the mouse, or by the keyboard alone, which reaches everything by Tab. */
import { assert } from "@effect/vitest"
import type { Locator, Page } from "playwright-core"

export interface Hand {
  readonly name: string
  /** Follows a link, or presses a button. */
  readonly press: (page: Page, what: Locator) => Promise<void>
  /** Types into a field, in place of what it has. */
  readonly type: (page: Page, field: Locator, text: string) => Promise<void>
}

/** Stops of Tab on any page of the console, once around and the browser's own. */
const mostStops = 600

/** Goes on by Tab to where it is, as it is at that moment: a page may draw it again. */
const reach = async (page: Page, what: Locator): Promise<void> => {
  await what.waitFor()
  for (let stop = 0; stop < mostStops; stop++) {
    if (await what.evaluate((element) => element === document.activeElement)) return
    await page.keyboard.press("Tab")
  }
  assert.fail(`Tab does not reach ${what}`)
}

export const mouse: Hand = {
  name: "the mouse",
  press: (_, what) => what.click(),
  type: async (page, field, text) => {
    await field.click({ clickCount: 3 })
    await page.keyboard.insertText(text)
  }
}

export const keyboard: Hand = {
  name: "the keyboard",
  press: async (page, what) => {
    await reach(page, what)
    await page.keyboard.press("Enter")
  },
  type: async (page, field, text) => {
    await reach(page, field)
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.insertText(text)
  }
}

export const hands: ReadonlyArray<Hand> = [mouse, keyboard]
