/**
 * `Window` is the part of a long list that is in sight: its rows have one height, and only those in sight are made,
 * however many there are. So a list costs as much as the screen is high.
 */
import type { RefObject } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { type Element, html } from "./Html.ts"

/** Rows beside those in sight, so that a fast finger finds some. */
const beside = 10

export interface Window {
  /** What scrolls. */
  readonly box: RefObject<HTMLDivElement | null>
  /** The first row that is made, and the one after the last. */
  readonly first: number
  readonly last: number
  /** Looks again where the list stands, as it is scrolled from a program. */
  readonly measure: () => void
}

export const useWindow = (total: number, rowHeight: number): Window => {
  const box = useRef<HTMLDivElement>(null)
  const [sight, setSight] = useState({ top: 0, height: 480 })
  const measure = useRef(() => {
    const element = box.current
    if (element !== null) setSight({ top: element.scrollTop, height: element.clientHeight })
  }).current
  useEffect(() => {
    const element = box.current
    if (element === null) return
    let frame = 0
    const scrolled = () => {
      if (frame !== 0) return
      frame = requestAnimationFrame(() => {
        frame = 0
        measure()
      })
    }
    const observer = new ResizeObserver(scrolled)
    observer.observe(element)
    element.addEventListener("scroll", scrolled, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener("scroll", scrolled)
      cancelAnimationFrame(frame)
    }
  }, [])
  return {
    box,
    first: Math.max(Math.floor(sight.top / rowHeight) - beside, 0),
    last: Math.min(Math.ceil((sight.top + sight.height) / rowHeight) + beside, total),
    measure
  }
}

export interface Props {
  readonly name: string
  readonly window: Window
  readonly total: number
  /** Pixels of each row. */
  readonly rowHeight: number
  readonly row: (index: number) => Element
  /** What stays the same of a row that moves. Default: its place. */
  readonly keyOf?: (index: number) => string | number
}

export const Rows = ({ keyOf, name, row, rowHeight, total, window: { box, first, last } }: Props): Element => {
  const rows: Array<Element> = []
  for (let index = first; index < last; index++) {
    rows.push(html`<div key=${keyOf?.(index) ?? index} class="row" role="listitem" aria-setsize=${total} aria-posinset=${index + 1}
      style=${{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}>${row(index)}</div>`)
  }
  return html`<div class="virtual" ref=${box} tabindex="0" role="region" aria-label=${name}>
    <div class="rows" role="list" style=${{ height: `${total * rowHeight}px` }} data-rows>${rows}</div>
  </div>`
}
