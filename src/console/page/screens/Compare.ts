/** Two versions of one aggregate, side by side: what differs between their states. */
import { compare } from "../../../core/StateTree.ts"
import * as Api from "../Api.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { shown, table } from "../Parts.ts"
import { useLoaded } from "../Resource.ts"
import * as Route from "../Route.ts"
import type { Subject } from "./Aggregate.ts"

interface Past {
  readonly state: unknown
}

export const Compare = ({ base, head, version, write }: Subject): Element => {
  const asked = Number(Route.parse(location.hash).query.from)
  const from = Number.isInteger(asked) && asked >= 1 && asked <= head ? asked : Math.max(version - 1, 1)
  const both = useLoaded(`${base} ${from} ${version}`, (signal) => {
    const at = (each: number) => Api.get<Past>(`${base}?version=${each}`, signal)
    return Promise.all([at(from), at(version)])
  })
  return html`<div>
    <div class="bar"><label>Compare version
      <input type="number" min="1" max=${head} value=${from}
        onChange=${(event: Event) => Route.amend({ from: (event.target as HTMLInputElement).value })} /></label>
      <span>with version <b class="figure">${Format.count(version)}</b>, which the slider chooses.</span></div>
    ${shown(both, ([left, right]) => {
      const { changes, more } = compare(left.state, right.state)
      return html`<div>${table(
        "Differences",
        changes,
        [
          { title: "Path", cell: ({ path }) => html`<code>${path || "the whole state"}</code>` },
          { title: `Version ${from}`, isNumber: true, cell: ({ before: value, path }) => write(path, value) },
          { title: `Version ${version}`, isNumber: true, cell: ({ after: value, path }) => write(path, value) }
        ],
        `The states of versions ${from} and ${version} are the same.`
      )}
      ${more > 0 && html`<p class="quiet">and ${Format.plural(more, "more difference")}</p>`}</div>`
    })}
  </div>`
}
