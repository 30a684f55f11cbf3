/**
 * A number of the state over the versions, and what each event added to it. For a long history, the newest part up to
 * the version.
 */
import type { History } from "../../../http/ExplainApi.ts"
import * as Api from "../Api.ts"
import { type Point, Steps } from "../Chart.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { Empty, shown } from "../Parts.ts"
import { useLoaded } from "../Resource.ts"
import * as Route from "../Route.ts"
import type { Subject } from "./Aggregate.ts"

/** Events of one chart: two pages, more than it has pixels. */
const most = 2_000
const pageSize = 1_000

/** Numbers, and texts that are whole or decimal numbers. */
const numberOf = (value: unknown): number | undefined => {
  const number =
    typeof value === "number"
      ? value
      : typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)
        ? Number(value)
        : undefined
  return number !== undefined && Number.isFinite(number) ? number : undefined
}

/** Paths of the state at which a number stands, outermost first. */
const numericPaths = (state: unknown, path = ""): ReadonlyArray<string> => {
  if (typeof state === "object" && state !== null) {
    return Object.entries(state)
      .flatMap(([key, part]) => numericPaths(part, path === "" ? key : `${path}.${key}`))
      .slice(0, 100)
  }
  return numberOf(state) === undefined || path === "" ? [] : [path]
}

/** What the number at this path was after each event of these versions, where it was one. */
const pointsOf = async (
  base: string,
  path: string,
  first: number,
  last: number,
  signal: AbortSignal
): Promise<ReadonlyArray<Point>> => {
  const found: Array<Point> = []
  for (let after: number | null = first; after !== null && after < last; ) {
    const limit = Math.min(pageSize, last - after)
    const query: string = Route.queryOf({ after, limit, version: last, field: path })
    const page: typeof History.Type = await Api.get(`${base}/explain${query}`, signal)
    for (const event of page.events) {
      const y = numberOf(event.field?.after)
      if (y !== undefined) found.push({ x: event.version, y })
    }
    after = page.next
  }
  return found
}

export const NumberChart = ({ base, head, id, part, state, version, write }: Subject): Element => {
  const named = part.words.numbers ?? []
  const paths = [...new Set([...named.map(({ path }) => path), ...numericPaths(state)])]
  const asked = Route.parse(location.hash).query.path
  const path = asked ?? paths[0]
  // A window of its own for as long as the version is in it, so that the arrows move through one chart.
  const last = Math.min(Math.max(Math.ceil(version / pageSize) * pageSize, most), head)
  const first = Math.max(last - most, 0)
  const resource = useLoaded(path === undefined ? null : `${base} ${path} ${first} ${last}`, (signal) =>
    pointsOf(base, path ?? "", first, last, signal)
  )
  if (path === undefined) return html`<${Empty}>The state has no number.<//>`
  const titleOf = (each: string) => named.find((name) => name.path === each)?.title ?? each
  return html`<div>
    <div class="bar"><label>Number
      <select value=${path} onChange=${(event: Event) => Route.amend({ path: (event.target as HTMLSelectElement).value })}>
        ${[...new Set([path, ...paths])].map((each) => html`<option value=${each} selected=${each === path}>${titleOf(each)}</option>`)}
      </select></label>
      ${last - first < head && html`<span class="quiet">Versions ${Format.count(first + 1)} to ${Format.count(last)} of ${Format.count(head)}; the slider goes to others.</span>`}
    </div>
    ${shown(resource, (points) =>
      points.length === 0
        ? html`<${Empty}>No number stands at ${path} in these versions.<//>`
        : html`<${Steps} label=${titleOf(path)} points=${points} chosen=${version} write=${(value: number) => write(path, Number.isInteger(value) ? value : Number(value.toFixed(2)))}
            onChoose=${(at: number) => Route.go(["aggregate", part.name, id], { view: "chart", path: asked, version: at })} />`
    )}
  </div>`
}
