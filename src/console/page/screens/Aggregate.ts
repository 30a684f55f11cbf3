/**
 * One aggregate: its state at a version, which the slider and the arrow keys choose; its history beside it; and, as
 * views of their own, the difference of two versions, the chart of a number, and the documents that the application has
 * of it.
 */
import { useLayoutEffect } from "preact/hooks"
import type { History } from "../../../http/ExplainApi.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { AsOf, Empty, Json, shown, Tabs } from "../Parts.ts"
import { useResource } from "../Resource.ts"
import * as Route from "../Route.ts"
import * as Words from "../Words.ts"
import { Compare } from "./Compare.ts"
import { Documents } from "./Documents.ts"
import { EventDetail } from "./EventDetail.ts"
import { NumberChart } from "./NumberChart.ts"
import { Timeline } from "./Timeline.ts"

export interface Subject {
  readonly part: Words.Part
  readonly id: string
  /** `/aggregates/Order/4711` */
  readonly base: string
  /** Events there are. */
  readonly head: number
  /** The version that is looked at. */
  readonly version: number
  /** The newest state. */
  readonly state: unknown
  /** A value as it is shown at this path of the state, where it may be a number with decimals. */
  readonly write: (path: string, value: unknown) => string
}

interface Now {
  readonly state: unknown
  readonly version: number
  readonly position: number
}

const chooseVersion = (version: number, head: number): void => {
  const within = Math.min(Math.max(Math.round(version), 1), head)
  Route.amend({ version: within === head ? undefined : within })
}

/**
 * ← and → go through the versions, wherever nothing is typed: from the one that is shown, however fast they are
 * pressed.
 */
const useArrows = (version: number, head: number): void => {
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0
      const target = event.target as HTMLElement
      if (step === 0 || event.altKey || event.ctrlKey || event.metaKey) return
      if (target.closest("input, textarea, select, dialog") !== null) return
      event.preventDefault()
      chooseVersion(version + step * (event.shiftKey ? 10 : 1), head)
    }
    addEventListener("keydown", pressed)
    return () => removeEventListener("keydown", pressed)
  }, [version, head])
}

const Slider = ({ head, version }: Subject): Element => {
  const button = (title: string, to: number, isOff: boolean) =>
    html`<button type="button" disabled=${isOff} onClick=${() => chooseVersion(to, head)}>${title}</button>`
  return html`<div class="slider" role="group" aria-label="Version">
    ${button("Oldest", 1, version <= 1)} ${button("Earlier", version - 1, version <= 1)}
    <input type="range" min="1" max=${head} value=${version} aria-label="Version of the state"
      onInput=${(event: InputEvent) => chooseVersion(Number((event.target as HTMLInputElement).value), head)} />
    ${button("Later", version + 1, version >= head)} ${button("Newest", head, version >= head)}
    <output>Version <b class="figure">${Format.count(version)}</b> of ${Format.count(head)}</output>
  </div>`
}

const StateAt = (subject: Subject): Element => {
  const { base, head, part, version } = subject
  const past = useResource<Now>(version === head ? null : `${base}?version=${version}`)
  const numbers = part.words.numbers ?? []
  const field = numbers[0]?.path
  const step = useResource<typeof History.Type>(
    `${base}/explain${Route.queryOf({ after: version - 1, limit: 1, version, field })}`
  )
  const event = step.value?.events[0]
  const marked = new Set(event?.changes.map(({ path }) => path))
  const panel = (state: unknown) =>
    html`<div class="panel"><${Json} value=${state} marked=${marked} write=${subject.write} /></div>`
  return html`<div class="pair">
    <div>
      <h2>State at version ${Format.count(version)}${version === head ? ", the newest" : ""}</h2>
      ${version === head ? panel(subject.state) : shown(past, ({ state }) => panel(state))}
      <p class="quiet">Marked: what this event changed.</p>
      <h2>The event that led here</h2>
      ${shown(step, () => (event === undefined ? "" : html`<${EventDetail} event=${event} subject=${subject} />`))}
    </div>
    <${Timeline} ...${subject} />
  </div>`
}

const views = { state: StateAt, compare: Compare, chart: NumberChart } as const

export const Aggregate = ({ route: { path, query } }: { readonly route: Route.Route }): Element => {
  const { aggregates } = Words.useApplication()
  const [, name = "", id = ""] = path
  const part = aggregates.find((each) => each.name === name) ?? { name, prefix: "", commands: [], words: {} }
  const base = `/aggregates/${encodeURIComponent(name)}/${encodeURIComponent(id)}`
  const now = useResource<Now>(base)
  const head = now.value?.version ?? 0
  const asked = query.version === undefined ? head : Number(query.version)
  const version = Number.isInteger(asked) && asked >= 1 ? Math.min(asked, head) : head
  useArrows(version, head)
  const pages = part.words.pages ?? []
  const chosen = query.view ?? "state"
  const here = (view: string | undefined) => Route.format(path, { view, version: query.version })
  const View = views[chosen as keyof typeof views]
  const write = (at: string, value: unknown): string =>
    Format.scaled(value, Words.decimalsOf(part, now.value?.state, at))
  const subject: Subject = { part, id, base, head, version, state: now.value?.state, write }
  return html`<section>
    <p class="crumbs"><a href=${Route.format(["aggregates", name])}>${Words.pluralOf(part)}</a></p>
    <h1>${Words.titleOf(part)} <span class="mono">${Format.visible(id)}</span></h1>
    <div class="bar"><${Tabs} name="Views" chosen=${chosen} tabs=${[
      { id: "state", title: "State and history", href: here(undefined) },
      { id: "compare", title: "Compare", href: here("compare") },
      { id: "chart", title: "Chart", href: here("chart") },
      ...pages.map(({ title }, index) => ({ id: `page-${index}`, title, href: here(`page-${index}`) }))
    ]} />
    <${AsOf} of=${now} /></div>
    ${
      now.value === undefined && now.problem?.body.code === "aggregate-not-found"
        ? html`<${Empty}>Nothing has happened to this ${Words.titleOf(part)}: there is no history to show.<//>`
        : shown(
            now,
            () => html`<div>
            ${View !== undefined && html`<${Slider} ...${subject} />`}
            ${View === undefined ? html`<${Documents} page=${pages[Number(chosen.replace("page-", ""))]} key=${now.at} id=${id} />` : html`<${View} ...${subject} />`}
          </div>`
          )
    }
  </section>`
}
