/**
 * Keys that work everywhere: `/` searches, Escape leaves, and ↑ and ↓ go through the rows of a list, which Enter
 * follows.
 */

const isTyped = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest("input, textarea, select") !== null

/** The row before or after the one that has the focus; the first of the list where none has. */
const moveBy = (step: number): boolean => {
  const active = document.activeElement
  const list =
    active?.closest("[data-rows]") ?? (active === document.body ? document.querySelector("main [data-rows]") : null)
  if (list === null || list === undefined) return false
  const rows = [...list.querySelectorAll<HTMLElement>("[data-row]")]
  const at = rows.indexOf(active as HTMLElement)
  const next = rows[at === -1 ? 0 : at + step]
  next?.focus()
  next?.scrollIntoView({ block: "nearest" })
  return next !== undefined
}

const pressed = (event: KeyboardEvent): void => {
  if (event.altKey || event.ctrlKey || event.metaKey) return
  if (event.key === "Escape" && isTyped(event.target)) {
    ;(event.target as HTMLElement).blur()
    return
  }
  if (isTyped(event.target) || document.querySelector("dialog[open]") !== null) return
  if (event.key === "/") {
    event.preventDefault()
    const field = document.querySelector<HTMLInputElement>("#search")
    field?.focus()
    field?.select()
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (moveBy(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault()
  }
}

/** Until what it gives is called. */
export const listen = (): (() => void) => {
  addEventListener("keydown", pressed)
  return () => removeEventListener("keydown", pressed)
}
