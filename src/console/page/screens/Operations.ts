/** What operators did, newest first and page by page. */
import type { OperationView } from "../../../http/OperationView.ts"
import { useIsAdmin } from "../Action.ts"
import * as Api from "../Api.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { AsOf, Json, shown, Time, table } from "../Parts.ts"
import { useLoaded } from "../Resource.ts"
import * as Route from "../Route.ts"

const pageSize = 100
/** Operations in one answer of the service. */
const answerSize = 1_000
/** Entries of the journal that are looked back over first, and how many times more each next time. */
const firstWidth = 512
const wider = 8

interface Answer {
  readonly operations: ReadonlyArray<OperationView>
  readonly next: number | null
}

interface Page {
  /** Oldest first. */
  readonly operations: ReadonlyArray<OperationView>
  /** Whether there may be older ones. */
  readonly more: boolean
}

/** The newest page of those after an entry and before another. */
const between = async (after: number, end: number, signal: AbortSignal): Promise<Page> => {
  let kept: ReadonlyArray<OperationView> = []
  let passed = 0
  for (let from: number | null = after; from !== null && from < end; ) {
    const path: string = `/operations${Route.queryOf({ after: from, limit: answerSize })}`
    const { next, operations }: Answer = await Api.get<Answer>(path, signal)
    const inside = operations.filter(({ sequence }) => sequence < end)
    passed += inside.length
    kept = [...kept, ...inside].slice(-pageSize)
    from = next
  }
  return { operations: kept, more: passed > pageSize }
}

/**
 * The service lists them from the oldest on: so one looks back over more and more of the journal until there is a page
 * of them.
 */
const pageBefore = async (before: number | undefined, signal: AbortSignal): Promise<Page> => {
  const end =
    before ??
    (await Api.get<{ readonly head: { readonly sequence: number } }>("/console/head", signal)).head.sequence + 1
  for (let width = firstWidth; ; width *= wider) {
    const after = Math.max(end - 1 - width, 0)
    const { more, operations } = await between(after, end, signal)
    if (after === 0 || operations.length === pageSize) return { operations, more: more || after > 0 }
  }
}

interface Before {
  readonly before: number | undefined
}

export const Operations = (props: Before): Element =>
  useIsAdmin() ? html`<${List} ...${props} />` : html`<p class="empty">What operators did is for administrators.</p>`

const List = ({ before }: Before): Element => {
  const resource = useLoaded(`operations before ${before ?? "the end"}`, (signal) => pageBefore(before, signal))
  return shown(resource, ({ more, operations }) => {
    const [oldest] = operations
    return html`<div>
      <p><${AsOf} of=${resource} /></p>
      ${table(
        "Operations",
        operations.toReversed(),
        [
          {
            title: "Entry",
            isNumber: true,
            cell: ({ sequence }) =>
              html`<a data-row href=${Route.format(["journal"], { at: sequence })}>#${sequence}</a>`
          },
          { title: "When", cell: ({ recordedAt }) => html`<${Time} at=${recordedAt} />` },
          { title: "What", cell: ({ name }) => name },
          { title: "Who", cell: ({ principal }) => (principal === null ? "–" : Format.visible(principal)) },
          {
            title: "Why",
            cell: ({ reason }) =>
              reason === null ? html`<span class="quiet">no reason given</span>` : Format.visible(reason)
          },
          { title: "With", cell: ({ detail }) => html`<${Json} value=${detail} />` }
        ],
        before === undefined ? "Operators did nothing yet." : "Operators did nothing before that."
      )}
      <p class="bar">
        ${before !== undefined && html`<a class="button" href=${Route.format(["operations"])}>Newest</a>`}
        ${more && oldest !== undefined && html`<a class="button" href=${Route.format(["operations"], { before: oldest.sequence })}>Older</a>`}
      </p>
    </div>`
  })
}
