/** Aggregates of one kind, page by page in the order of their ids, with the columns that the application names. */
import { useEffect, useState } from "preact/hooks"
import * as Api from "../Api.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { AsOf, Empty, shown, Tabs, table } from "../Parts.ts"
import { useResource } from "../Resource.ts"
import * as Route from "../Route.ts"
import * as Words from "../Words.ts"

interface Page {
  readonly aggregates: ReadonlyArray<{ readonly id: string; readonly streamId: string; readonly version: number }>
  readonly next: string | null
}

const pageSize = 50
/** States that are asked for at once. */
const atOnce = 4

/** The states of those listed, as they come; null where one cannot be read. */
const useStates = (
  aggregate: string,
  ids: ReadonlyArray<string>,
  at: number | undefined,
  isAsked: boolean
): ReadonlyMap<string, unknown> => {
  const [states, setStates] = useState<ReadonlyMap<string, unknown>>(new Map())
  const key = ids.join("\n")
  useEffect(() => {
    setStates(new Map())
    if (!isAsked) return
    const abort = new AbortController()
    const waiting = [...ids]
    const found = new Map<string, unknown>()
    const take = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined && !abort.signal.aborted; id = waiting.shift()) {
        const path = `/aggregates/${encodeURIComponent(aggregate)}/${encodeURIComponent(id)}`
        const state = await Api.get<{ readonly state: unknown }>(path, abort.signal).then(
          (answer) => answer.state,
          () => null
        )
        found.set(id, state)
        if (!abort.signal.aborted) setStates(new Map(found))
      }
    }
    for (let worker = 0; worker < atOnce; worker++) void take()
    return () => abort.abort()
  }, [aggregate, key, at, isAsked])
  return states
}

const List = ({
  after,
  part,
  prefix
}: {
  readonly after: string | undefined
  readonly part: Words.Part
  readonly prefix: string
}): Element => {
  const { columns = [] } = part.words
  const query = Route.queryOf({ limit: pageSize, after, prefix })
  const resource = useResource<Page>(`/console/aggregates/${encodeURIComponent(part.name)}${query}`)
  const ids = (resource.value?.aggregates ?? []).map(({ id }) => id)
  const states = useStates(part.name, ids, resource.at, columns.length > 0)
  const here = ["aggregates", part.name]
  return html`<div>
    <form class="bar" role="search" aria-label=${`Filter ${Words.pluralOf(part)}`} onSubmit=${(event: Event) => {
      event.preventDefault()
      const typed = new FormData(event.target as HTMLFormElement).get("prefix")
      Route.go(here, { prefix: String(typed) })
    }}>
      <label>Id begins with <input name="prefix" type="search" value=${prefix} autocomplete="off" /></label>
      <button>Filter</button> <${AsOf} of=${resource} />
    </form>
    ${shown(
      resource,
      ({ aggregates, next }) => html`<div>
      ${table(
        Words.pluralOf(part),
        aggregates,
        [
          {
            title: "Id",
            cell: ({ id }) =>
              html`<a data-row href=${Route.format(["aggregate", part.name, id])}>${Format.visible(id)}</a>`
          },
          ...columns.map((column) => ({
            title: column.title,
            isNumber: part.words.numbers?.some(({ path }) => path === column.path) ?? false,
            cell: ({ id }: { readonly id: string }) =>
              !states.has(id)
                ? "…"
                : states.get(id) === null
                  ? html`<span class="quiet">cannot be read</span>`
                  : Words.written(states.get(id), column)
          })),
          { title: "Events", isNumber: true, cell: ({ version }) => Format.count(version) }
        ],
        prefix === ""
          ? `There are no ${Words.pluralOf(part)} yet.`
          : `None of the ${Words.pluralOf(part)} has an id that begins so.`
      )}
      <p class="bar">
        ${after !== undefined && html`<a class="button" href=${Route.format(here, { prefix })}>First page</a>`}
        ${next !== null && html`<a class="button" href=${Route.format(here, { prefix, after: next })}>Next page</a>`}
      </p>
    </div>`
    )}
  </div>`
}

export const Aggregates = ({ route: { path, query } }: { readonly route: Route.Route }): Element => {
  const { aggregates } = Words.useApplication()
  const part = aggregates.find(({ name }) => name === path[1]) ?? (path[1] === undefined ? aggregates[0] : undefined)
  return html`<section>
    <h1>${part === undefined ? "Aggregates" : Words.pluralOf(part)}</h1>
    <${Tabs} name="Kinds" chosen=${part?.name ?? ""} tabs=${aggregates.map((each) => ({
      id: each.name,
      title: Words.pluralOf(each),
      href: Route.format(["aggregates", each.name])
    }))} />
    ${
      part === undefined
        ? html`<${Empty}>The application has no ${path[1] === undefined ? "aggregates" : "aggregate of this name"}.<//>`
        : html`<${List} key=${part.name} part=${part} after=${query.after} prefix=${query.prefix ?? ""} />`
    }
  </section>`
}
