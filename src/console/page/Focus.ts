/**
 * `Focus` keeps the place of people who work by the keyboard. A button of what may be done goes with its row, by what it did or by what
 * happened meanwhile, and a browser then forgets where the focus was: the next Tab would begin at the top of the page. So the focus goes
 * to the row that took the place, or else to the heading above.
 */

interface Place {
  readonly button: HTMLElement
  /** The rows of the list that has the button, and which of them does. */
  readonly rows: Element | null
  readonly index: number
  readonly panel: Element | null
}

const buttons = ".acts button"

/** Both, since a view may be drawn between them. */
const leaving = ["popstate", "hashchange"] as const

const placeOf = (button: HTMLElement): Place => {
  const rows = button.closest("[data-rows]")
  return {
    button,
    rows,
    index: rows === null ? -1 : [...rows.children].findIndex((row) => row.contains(button)),
    panel: button.closest("article, section")
  }
}

const heirOf = ({ index, panel, rows }: Place): HTMLElement | null => {
  if (rows?.isConnected) {
    const row = rows.children[Math.min(index, rows.children.length - 1)]
    const button = row?.querySelector<HTMLElement>(buttons)
    if (button) return button
  }
  const within = panel?.isConnected ? panel : document.querySelector("main")
  const heading = within?.querySelector<HTMLElement>("h1, h2") ?? null
  // Focused by this code only: Tab does not stop at it.
  if (heading !== null) heading.tabIndex = -1
  return heading
}

/** Until what it gives is called. */
export const keep = (): (() => void) => {
  let place: Place | undefined
  const arrived = ({ target }: FocusEvent): void => {
    // A dialog gives the focus back where it came from, if that is still there.
    if (!(target instanceof HTMLElement) || target.closest("dialog") !== null) return
    place = target.matches(buttons) ? placeOf(target) : undefined
  }
  const changed = (): void => {
    if (place === undefined) return
    if (place.button.isConnected) place = placeOf(place.button)
    else if (document.activeElement === document.body) heirOf(place)?.focus()
  }
  /** Another view begins at its own beginning. This must be told before the view is drawn, so before others hear of it. */
  const left = (): void => {
    place = undefined
  }
  const changes = new MutationObserver(changed)
  changes.observe(document.body, { childList: true, subtree: true })
  addEventListener("focusin", arrived)
  for (const event of leaving) addEventListener(event, left, true)
  return () => {
    changes.disconnect()
    removeEventListener("focusin", arrived)
    for (const event of leaving) removeEventListener(event, left, true)
  }
}
