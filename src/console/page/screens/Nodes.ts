/** The nodes of the cluster, and which answers here. */
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { Badge, Empty, shown, Time, table } from "../Parts.ts"
import { useResource } from "../Resource.ts"

interface View {
  readonly clustered: boolean
  readonly self: string | null
  readonly nodes: ReadonlyArray<{
    readonly address: string
    readonly healthy: boolean
    readonly lastHeartbeat: string
    readonly shards: number
  }>
}

const everyMillis = 5_000

export const Nodes = (): Element =>
  html`<section>
    <h1>Nodes</h1>
    ${shown(useResource<View>("/console/nodes", everyMillis), ({ clustered, nodes, self }) =>
      clustered
        ? table(
            "Nodes",
            nodes,
            [
              {
                title: "Address",
                cell: ({ address }) =>
                  html`<span class="mono">${address}</span> ${address === self && html`<${Badge} kind="plain">answers here<//>`}`
              },
              {
                title: "State",
                cell: ({ healthy }) =>
                  html`<${Badge} kind=${healthy ? "good" : "error"}>${healthy ? "healthy" : "silent"}<//>`
              },
              { title: "Last heartbeat", cell: ({ lastHeartbeat }) => html`<${Time} at=${lastHeartbeat} />` },
              { title: "Shards", isNumber: true, cell: ({ shards }) => Format.count(shards) }
            ],
            "No node has reported yet."
          )
        : html`<${Empty}>This service runs alone: it is not a cluster.<//>`
    )}
  </section>`
