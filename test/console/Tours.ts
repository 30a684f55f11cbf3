/**
 * Tours through every screen of the console, as somebody goes who follows its links: of the bank, and of an application
 * of somebody else.
 */
import type { Locator, Page } from "playwright-core"
import { assertAccessible } from "./Axe.ts"
import type { Hand } from "./Hands.ts"
import type { Watched } from "./Pages.ts"
import * as Seed from "./Seed.ts"

export type Tour = ReadonlyArray<Stop>

export interface Stop {
  readonly screen: string
  /** How one gets there from the stop before. */
  readonly go: (page: Page, hand: Hand) => Promise<unknown>
  /** A text that stands there, once it is whole. */
  readonly shows: string | RegExp
}

const main = (page: Page): Locator => page.locator("main")
const link = (page: Page, name: string | RegExp): Locator =>
  main(page)
    .getByRole("link", { name, ...(typeof name === "string" && { exact: true }) })
    .first()
const button = (page: Page, name: string | RegExp): Locator => main(page).getByRole("button", { name }).first()

const menu = (name: string, shows: Stop["shows"], screen = name): Stop => ({
  screen,
  go: (page, hand) => hand.press(page, page.getByRole("navigation", { name: "Views" }).getByRole("link", { name })),
  shows
})
const follow = (screen: string, name: string | RegExp, shows: Stop["shows"]): Stop => ({
  screen,
  go: (page, hand) => hand.press(page, link(page, name)),
  shows
})
const press = (screen: string, name: string | RegExp, shows: Stop["shows"]): Stop => ({
  screen,
  go: (page, hand) => hand.press(page, button(page, name)),
  shows
})
/** What stands there beside it. */
const also = (screen: string, shows: Stop["shows"]): Stop => ({ screen, go: async () => {}, shows })
const choose = (screen: string, label: string, option: string, shows: Stop["shows"]): Stop => ({
  screen,
  go: (page) => main(page).getByLabel(label).selectOption(option),
  shows
})
const search = (q: string, shows: Stop["shows"]): Stop => ({
  screen: `Search ${q}`,
  go: async (page, hand) => {
    await hand.type(page, page.getByRole("searchbox", { name: /^Search/ }), q)
    await page.keyboard.press("Enter")
  },
  shows
})

/** What there is of every application, beside its own things. */
const common = ({
  projection,
  reaction,
  timer,
  event
}: {
  readonly projection: string
  readonly reaction: string
  readonly timer: string
  readonly event: string
}): Tour => [
  menu("Live tail", event),
  press("Live tail, paused", "Pause", "Resume, 0 held"),
  press("Live tail, live", /^Resume/, "live"),
  press("Live tail, filtered", new RegExp(`^Only ${event}`), "only type"),
  menu("Projections", projection),
  press("Rebuild", "Rebuild…", /Dry run: it reads/),
  press("Projections, again", "Cancel", projection),
  menu("Reactions", reaction),
  menu("Timers", timer),
  menu("Journal", "Newest entry"),
  follow("Operations", "What operators did", "register"),
  menu("Store", "DAYBOOK_PORT"),
  also("The source of a setting", /^flag$/),
  press("Store, counted", "Count", "Stored version")
]

export const bank: Tour = [
  menu("Overview", "takes commits"),
  menu("Aggregates", "1800.00"),
  follow("Transfers", "Transfers", "too-much"),
  follow("Accounts", "Accounts", "1800.00"),
  follow("An account", "anna", "Version 27 of 27"),
  press("An earlier version", "Earlier", "Version 26 of 27"),
  press("The oldest version", "Oldest", "Version 1 of 27"),
  press("The newest version", "Newest", "Version 27 of 27"),
  follow("A version of the history", /^v25 /, "Version 25 of 27"),
  follow("Compare", "Compare", "with version"),
  also("What differs", /^balance$/),
  follow("Chart", "Chart", "at version"),
  choose("A chart of another number", "Number", "overdraftLimit", "Overdraft limit:"),
  follow("Statement", "Statement", "receipt 24"),
  search("refused-1", /^refusal$/),
  follow("A command", /refused-1/, "InsufficientFunds"),
  search(Seed.trace, /refused-1/),
  search("#12", "entry 12"),
  search("3", "position 3"),
  search("rent-1", /^Entries \d+ to \d+ of the journal were looked through/),
  follow("What was caused", "account-ben v3", /^Version 3 of \d$/),
  also("That it was caused", /^caused$/),
  follow("Its cause", /^transfer-rent-1 v\d$/, "What reactions sent because of it"),
  ...common({ projection: "account_summary", reaction: "transfers", timer: "No timer waits.", event: "Withdrawn" })
]

export const reservation: Tour = [
  menu("Overview", "takes commits"),
  menu("Aggregates", "hamlet"),
  follow("An older show", "macbeth", "As it was stored: Opened v1"),
  also("What it is read as", "upcast v1 → v2"),
  menu("Aggregates", "hamlet", "Aggregates, after it"),
  follow("A show", "hamlet", "Version 2 of 2"),
  press("An earlier version", "Earlier", "Version 1 of 2"),
  follow("Compare", "Compare", "with version"),
  follow("Chart", "Chart", "at version"),
  menu("Aggregates", "hamlet", "Aggregates, again"),
  follow("Reservations", "Reservations", "bert"),
  follow("A reservation", "bert", "declined"),
  search("anna", /^Reservation$/),
  follow("What was found", /anna/, "confirmed"),
  ...common({ projection: "occupancy", reaction: "seating", timer: "Lapse", event: "SeatsTaken" })
]

const changing = new Set(["Rebuild", "Projections, again", "The source of a setting"])
const unlike: Readonly<Record<string, string>> = {
  Overview: "is read only",
  Operations: "What operators did is for administrators."
}

/** The bank where nobody may change anything, and nothing was set. */
export const reading: Tour = bank
  .filter(({ screen }) => !changing.has(screen))
  .map((stop) => ({ ...stop, shows: unlike[stop.screen] ?? stop.shows }))

/** Goes all the way. What `axe` finds serious ends it, where it looks. */
export const walk = async (
  { page }: Watched,
  tour: Tour,
  hand: Hand,
  { isLooking }: { readonly isLooking: boolean }
): Promise<void> => {
  for (const { go, screen, shows } of tour) {
    await go(page, hand)
    try {
      await main(page).getByText(shows).first().waitFor()
    } catch (cause) {
      throw new Error(`${screen}, by ${hand.name}: no ${shows} in ${await main(page).innerText()}`, { cause })
    }
    if (isLooking) await assertAccessible(page, `${screen}, by ${hand.name}`)
  }
}
