/**
 * `ConsoleViews` are what the console is shown, as schemas with the examples that the OpenAPI document has. `ConsoleApi.ts`
 * has the endpoints that answer with them.
 */
import { Schema } from "effect"

const text = Schema.String
const texts = Schema.Array(text)
const orNull = Schema.NullOr
const count = Schema.Int
const number = Schema.Number

const overview = {
  at: "2026-01-31T12:00:00.000Z",
  name: "shop",
  release: "0.1.0",
  uptimeSeconds: 3_600,
  checks: [{ name: "store", ok: true, detail: "takes commits" }],
  head: { logId: "5f0c9a71d2e84b36a0f4c2d9b7e1385a", epoch: 1, position: 42, sequence: 40, recordedAt: null },
  rates: {
    windowSeconds: 10,
    eventsPerSecond: 120.5,
    commandsPerSecond: 118,
    commits: 300,
    commitP50Ms: 2,
    commitP99Ms: 8
  },
  actors: { live: 12, recoveries: 20, passivations: 8, waiting: 0 },
  projections: [
    {
      name: "order_totals",
      kind: "projection",
      status: "running",
      position: 42,
      lag: { events: 0, seconds: 0 },
      stuck: 0
    }
  ],
  waits: { subscribers: 1, requests: 0 },
  alarms: []
} as const

export const Overview = Schema.Struct({
  at: text,
  name: text,
  release: orNull(text),
  uptimeSeconds: number,
  checks: Schema.Array(
    Schema.Struct({
      name: Schema.Literal("store", "recovery", "projections", "processes"),
      ok: Schema.Boolean,
      detail: text
    })
  ),
  head: Schema.Struct({ logId: text, epoch: count, position: count, sequence: count, recordedAt: orNull(text) }),
  rates: Schema.Struct({
    windowSeconds: orNull(number),
    eventsPerSecond: orNull(number),
    commandsPerSecond: orNull(number),
    commits: orNull(count),
    commitP50Ms: orNull(number),
    commitP99Ms: orNull(number)
  }),
  actors: Schema.Struct({ live: count, recoveries: count, passivations: count, waiting: count }),
  projections: Schema.Array(
    Schema.Struct({
      name: text,
      kind: Schema.Literal("projection", "reaction"),
      status: text,
      position: count,
      lag: Schema.Struct({ events: number, seconds: number }),
      stuck: count
    })
  ),
  waits: Schema.Struct({ subscribers: count, requests: count }),
  alarms: Schema.Array(
    Schema.Struct({
      severity: Schema.Literal("error", "warning"),
      what: Schema.Literal("projection", "process", "store", "clock"),
      name: text,
      detail: text
    })
  )
}).annotations({
  identifier: "Overview",
  description:
    "How the service is now. `rates` are of the time since an earlier look of the last minute, null at the first one; they, `actors` and `waits` are of the process that answers. Times of commits are bounds: that many milliseconds at most.",
  examples: [overview]
})
export type Overview = typeof Overview.Type

const AggregateHit = Schema.Struct({
  kind: Schema.Literal("aggregate"),
  aggregate: text,
  id: text,
  streamId: text,
  version: count,
  exact: Schema.Boolean
})
const place = { aggregate: orNull(text), id: orNull(text), streamId: text, version: count }
const EventHit = Schema.Struct({
  kind: Schema.Literal("event"),
  ...place,
  position: count,
  type: text,
  recordedAt: text
})
const DamagedHit = Schema.Struct({ kind: Schema.Literal("damaged"), ...place, position: orNull(count) })
const CommandHit = Schema.Struct({
  kind: Schema.Literal("command"),
  ...place,
  commandId: text,
  command: orNull(text),
  outcome: Schema.Literal("success", "refusal"),
  sequence: count,
  position: count,
  events: count,
  principal: orNull(text),
  correlationId: text,
  recordedAt: text,
  intact: Schema.Boolean
})
export const Hit = Schema.Union(AggregateHit, EventHit, DamagedHit, CommandHit)
export type Hit = typeof Hit.Type

export const Found = Schema.Struct({
  q: text,
  hits: Schema.Array(Hit),
  searched: orNull(Schema.Struct({ from: count, to: count })),
  complete: Schema.Boolean
}).annotations({
  identifier: "Found",
  description:
    "`searched`: the entries of the journal that were looked through for the conversation or the trace; where not `complete`, the search goes on before `from`. `intact`: whether the entry is what was stored.",
  examples: [
    {
      q: "7",
      hits: [{ kind: "aggregate", aggregate: "Order", id: "7", streamId: "order-7", version: 2, exact: true }],
      searched: null,
      complete: true
    }
  ]
})

const Part = Schema.Struct({
  name: text,
  prefix: text,
  commands: texts,
  words: Schema.Unknown
})
export const ApplicationView = Schema.Struct({
  name: text,
  description: text,
  release: orNull(text),
  aggregates: Schema.Array(Part),
  projections: texts,
  reactions: texts,
  words: Schema.Unknown
}).annotations({
  identifier: "ApplicationView",
  description:
    "`prefix`: how an aggregate's streams begin, before the first hyphen. `commands`: those that clients may send. `words`: how the application calls its things.",
  examples: [
    {
      name: "shop",
      description: "Orders.",
      release: "0.1.0",
      aggregates: [{ name: "Order", prefix: "order", commands: ["Confirm"], words: { title: "Order" } }],
      projections: ["order_totals"],
      reactions: [],
      words: {}
    }
  ]
})

export const AggregatePage = Schema.Struct({
  aggregates: Schema.Array(Schema.Struct({ id: text, streamId: text, version: count })),
  next: orNull(text)
}).annotations({
  identifier: "AggregatePage",
  description: "In the order of their ids, byte by byte. `next` is the next `after`, null at the end.",
  examples: [{ aggregates: [{ id: "7", streamId: "order-7", version: 2 }], next: null }]
})

const entry = {
  sequence: 40,
  kind: "command",
  name: "Confirm",
  aggregate: "Order",
  id: "7",
  streamId: "order-7",
  outcome: "success",
  version: 2,
  position: 42,
  events: 1,
  commandId: "3a1f6c1e-confirm",
  correlationId: "3a1f6c1e-confirm",
  causationId: null,
  principal: "till",
  recordedAt: "2026-01-31T12:00:00.000Z",
  hash: "5f0c9a71d2e84b36a0f4c2d9b7e1385a5f0c9a71d2e84b36a0f4c2d9b7e1385a"
} as const
export const EntryView = Schema.Struct({
  sequence: count,
  kind: Schema.Literal("command", "operation", "epoch"),
  name: orNull(text),
  aggregate: orNull(text),
  id: orNull(text),
  streamId: orNull(text),
  outcome: orNull(Schema.Literal("success", "refusal")),
  version: count,
  position: count,
  events: count,
  commandId: orNull(text),
  correlationId: orNull(text),
  causationId: orNull(text),
  principal: orNull(text),
  recordedAt: text,
  hash: text
}).annotations({ identifier: "JournalEntry" })
export type EntryView = typeof EntryView.Type
export const JournalPage = Schema.Struct({ entries: Schema.Array(EntryView), next: orNull(count) }).annotations({
  identifier: "JournalPage",
  description: "What was decided, oldest first. `next` is the next `after`, null at the end.",
  examples: [{ entries: [entry], next: null }]
})

export const HeadView = Schema.Struct({
  head: Schema.Struct({
    logId: text,
    epoch: count,
    sequence: count,
    position: count,
    hash: text,
    recordedAt: orNull(text)
  }),
  check: Schema.Struct({ from: count, to: count, ok: Schema.Boolean, detail: text })
}).annotations({
  identifier: "HeadView",
  description: "Where the log ends, and whether its newest entries are what was stored, each after the one before.",
  examples: [
    {
      head: {
        logId: "5f0c9a71d2e84b36a0f4c2d9b7e1385a",
        epoch: 1,
        sequence: 40,
        position: 42,
        hash: entry.hash,
        recordedAt: entry.recordedAt
      },
      check: { from: 1, to: 40, ok: true, detail: "40 entries are what was stored" }
    }
  ]
})

export const StoreView = Schema.Struct({
  backend: orNull(text),
  database: orNull(text),
  release: orNull(text),
  sizes: Schema.Array(Schema.Struct({ what: text, bytes: count })),
  lastVerify: orNull(
    Schema.Struct({
      sequence: count,
      events: count,
      problems: count,
      recordedAt: text,
      principal: orNull(text),
      reason: orNull(text)
    })
  ).annotations({
    description: "The newest run of `verify` that was recorded, up to which entry of the journal; null where none was."
  }),
  configuration: Schema.Array(
    Schema.Struct({
      name: text,
      value: orNull(text),
      source: Schema.Literal("flag", "environment", "default"),
      variable: orNull(text)
    })
  ),
  limits: Schema.Array(Schema.Struct({ name: text, value: text, isDefault: Schema.Boolean }))
}).annotations({
  identifier: "StoreView",
  description: "Where the log is and how large, and how the service was set up: each value with its source.",
  examples: [
    {
      backend: "sqlite",
      database: "/var/lib/shop/shop.db",
      release: "0.1.0",
      sizes: [{ what: "database", bytes: 1_048_576 }],
      lastVerify: {
        sequence: 40,
        events: 42,
        problems: 0,
        recordedAt: "2026-01-31T12:00:00.000Z",
        principal: "anna",
        reason: "before the audit"
      },
      configuration: [{ name: "port", value: "8080", source: "default", variable: "DAYBOOK_PORT" }],
      limits: [{ name: "maxRate", value: "none", isDefault: true }]
    }
  ]
})
export type StoreView = typeof StoreView.Type

export const Nodes = Schema.Struct({
  clustered: Schema.Boolean,
  self: orNull(text),
  nodes: Schema.Array(Schema.Struct({ address: text, healthy: Schema.Boolean, lastHeartbeat: text, shards: count }))
}).annotations({
  identifier: "Nodes",
  description:
    "The nodes of the cluster; none where the service is alone. `shards`: shares of the aggregates that one holds.",
  examples: [{ clustered: false, self: null, nodes: [] }]
})
