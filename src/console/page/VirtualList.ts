/**
 * `VirtualList` shows a long list of the service's: only the rows in sight are there (`Window.ts`), and only the pages
 * around them are asked for. Pages that were looked at longest ago are forgotten.
 */
import { useEffect, useRef, useState } from "preact/hooks"
import * as Api from "./Api.ts"
import { type Element, html } from "./Html.ts"
import { Trouble } from "./Parts.ts"
import { Rows, useWindow } from "./Window.ts"

const pageSize = 100
const mostPages = 40
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
  const window = useWindow(total, rowHeight)
  const { box, first, last } = window
  const pages = useRef<Pages<Row>>({ source, known: new Map(), asked: new Set() })
  const [problem, setProblem] = useState<Api.Problem>()
  const [, setRound] = useState(0)
  const [attempt, setAttempt] = useState(0)
  if (pages.current.source !== source) pages.current = { source, known: new Map(), asked: new Set() }

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
        const rows = known.get(page)
        if (rows !== undefined) {
          // Looked at last by now.
          known.delete(page)
          known.set(page, rows)
        }
        if (rows !== undefined || asked.has(page)) continue
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

  const known = (index: number) => pages.current.known.get(Math.floor(index / pageSize))?.[index % pageSize]
  return html`<div>
    ${problem !== undefined && html`<${Trouble} problem=${problem} again=${() => setAttempt((count) => count + 1)} />`}
    <${Rows} name=${name} window=${window} total=${total} rowHeight=${rowHeight} row=${(index: number) => row(known(index), index)} />
  </div>`
}
