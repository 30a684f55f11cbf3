/**
 * `VirtualList` shows a list of any length: only the rows that are in sight are there, and only the pages around them are asked for.
 * Pages that were looked at longest ago are forgotten.
 */
import { useEffect, useRef, useState } from "preact/hooks"
import * as Api from "./Api.ts"
import { type Element, html } from "./Html.ts"
import { Trouble } from "./Parts.ts"

const pageSize = 100
const mostPages = 40
/** Rows beside those in sight, so that a fast finger finds some. */
const beside = 10

export interface Props<Row> {
  readonly name: string
  /** Rows there are. */
  readonly total: number
  /** Pixels of each. */
  readonly rowHeight: number
  /** A row in sight; null: none is asked to be. */
  readonly inSight: number | null
  /** The rows from this one on, `limit` of them; what it depends on is in `source`. */
  readonly load: (from: number, limit: number, signal: AbortSignal) => Promise<ReadonlyArray<Row>>
  readonly source: string
  readonly row: (row: Row | undefined, index: number) => Element
}

interface Pages<Row> {
  readonly source: string
  readonly known: Map<number, ReadonlyArray<Row>>
  readonly asked: Set<number>
}

export const VirtualList = <Row>({ inSight, load, name, row, rowHeight, source, total }: Props<Row>): Element => {
  const box = useRef<HTMLDivElement>(null)
  const pages = useRef<Pages<Row>>({ source, known: new Map(), asked: new Set() })
  const [window, setWindow] = useState({ top: 0, height: 480 })
  const [problem, setProblem] = useState<Api.Problem>()
  const [, setRound] = useState(0)
  const [attempt, setAttempt] = useState(0)
  if (pages.current.source !== source) pages.current = { source, known: new Map(), asked: new Set() }

  const first = Math.max(Math.floor(window.top / rowHeight) - beside, 0)
  const last = Math.min(Math.ceil((window.top + window.height) / rowHeight) + beside, total)

  useEffect(() => {
    const element = box.current
    if (element === null) return
    let frame = 0
    const measure = () => {
      frame = 0
      setWindow({ top: element.scrollTop, height: element.clientHeight })
    }
    const scrolled = () => {
      if (frame === 0) frame = requestAnimationFrame(measure)
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

  useEffect(() => {
    const element = box.current
    if (element === null || inSight === null) return
    const top = inSight * rowHeight
    if (top < element.scrollTop || top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top - element.clientHeight / 2
    }
  }, [inSight, total, rowHeight])

  const firstPage = Math.floor(first / pageSize)
  const lastPage = Math.floor(Math.max(last - 1, 0) / pageSize)
  useEffect(() => {
    const { asked, known } = pages.current
    const abort = new AbortController()
    // Who scrolls past a thousand pages waits for none of them.
    const timer = setTimeout(() => {
      for (let page = firstPage; page <= lastPage && page * pageSize < total; page++) {
        if (known.has(page) || asked.has(page)) continue
        asked.add(page)
        load(page * pageSize, Math.min(pageSize, total - page * pageSize), abort.signal).then(
          (rows) => {
            asked.delete(page)
            known.set(page, rows)
            const [oldest] = known.keys()
            if (known.size > mostPages && oldest !== undefined) known.delete(oldest)
            setProblem(undefined)
            setRound((round) => round + 1)
          },
          (error: unknown) => {
            asked.delete(page)
            if (!abort.signal.aborted) setProblem(Api.problemOf(error))
          }
        )
      }
    }, 30)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [firstPage, lastPage, source, total, attempt])

  const rows: Array<Element> = []
  for (let index = first; index < last; index++) {
    const found = pages.current.known.get(Math.floor(index / pageSize))?.[index % pageSize]
    rows.push(html`<div key=${index} class="row" role="listitem" aria-setsize=${total} aria-posinset=${index + 1}
      style=${{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}>${row(found, index)}</div>`)
  }
  return html`<div>
    ${problem !== undefined && html`<${Trouble} problem=${problem} again=${() => setAttempt((count) => count + 1)} />`}
    <div class="virtual" ref=${box} tabindex="0" role="region" aria-label=${name}>
      <div class="rows" role="list" style=${{ height: `${total * rowHeight}px` }} data-rows>${rows}</div>
    </div>
  </div>`
}
