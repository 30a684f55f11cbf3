/**
 * The screens of the console by what they ask the service and what they show then, of the bank as `Seed.ts` has it; and
 * what they show of answers that it gives rarely.
 */

type Answer = Readonly<Record<string, unknown>>

export interface Screen {
  readonly view: string
  /** The requests that it is made of. */
  readonly asks: RegExp
  /** What has to be pressed for it. */
  readonly press?: string
  readonly shows: string | RegExp
  /** How newer is asked for. What never changes, such as a version of the past, is never stale. */
  readonly newer: "by itself" | "by a button" | "never"
  readonly empty?: readonly [says: string | RegExp, of: string | ((answer: Answer) => object)]
}

export const screens: ReadonlyArray<Screen> = [
  {
    view: "overview",
    asks: /^\/console\/overview$/,
    shows: "takes commits",
    newer: "by itself",
    empty: ["The application has no projections and no reactions.", (answer) => ({ ...answer, projections: [] })]
  },
  {
    view: "aggregates/Account",
    asks: /^\/console\/aggregates\//,
    shows: "1800.00",
    newer: "by a button",
    empty: ["There are no Accounts yet.", () => ({ aggregates: [], next: null })]
  },
  {
    view: "aggregate/Account/anna",
    asks: /^\/aggregates\/Account\/anna$/,
    shows: "Version 27 of 27",
    newer: "by a button",
    empty: ["Nothing has happened to this Account", "aggregate/Account/nobody"]
  },
  { view: "aggregate/Account/anna", asks: /\/explain\?.*limit=1&/, shows: "What it changed", newer: "never" },
  { view: "aggregate/Account/anna?version=9", asks: /anna\?version=9$/, shows: "overdraftLimit", newer: "never" },
  {
    view: "aggregate/Account/anna?view=compare&from=3&version=20",
    asks: /anna\?version=/,
    shows: "balance",
    newer: "never",
    empty: ["The states of versions 3 and 3 are the same.", "aggregate/Account/anna?view=compare&from=3&version=3"]
  },
  {
    view: "aggregate/Account/anna?view=chart",
    asks: /\/explain\?/,
    shows: "at version",
    newer: "never",
    empty: ["No number stands at owner", "aggregate/Account/anna?view=chart&path=owner"]
  },
  {
    view: "aggregate/Account/anna?view=page-0",
    asks: /\/statement\?/,
    shows: "receipt 24",
    newer: "never",
    empty: ["None in this time.", "aggregate/Account/anna?view=page-0&from=2001-01-01&to=2001-01-02"]
  },
  {
    view: "command/Account/emil/refused-1",
    asks: /\/explain\/refused-1$/,
    shows: "InsufficientFunds",
    newer: "by a button",
    empty: ["No command of this id was sent to Account", "command/Account/emil/unknown"]
  },
  {
    view: "search?q=anna",
    asks: /^\/console\/search\?/,
    shows: "27 events",
    newer: "by a button",
    empty: ["Nothing is called so.", "search?q=nothing-of-this"]
  },
  {
    view: "tail",
    asks: /^\/events\/stream\?/,
    shows: "SourceRefunded",
    newer: "never",
    empty: ["No event yet; the next one appears here.", "tail?only=type%3ANothing"]
  },
  { view: "tail", asks: /^\/console\/overview$/, shows: "SourceRefunded", newer: "never" },
  {
    view: "projections",
    asks: /^\/projections$/,
    shows: "account_summary",
    newer: "by itself",
    empty: ["The application has no projections.", () => ({ projections: [] })]
  },
  {
    view: "reactions",
    asks: /^\/projections$/,
    shows: "Nothing waits for an operator.",
    newer: "by itself",
    empty: ["The application has no reactions.", () => ({ projections: [] })]
  },
  {
    view: "timers",
    asks: /^\/timers\?/,
    shows: /0 timers wait;/,
    newer: "by itself",
    empty: ["No timer waits.", "timers"]
  },
  {
    view: "journal",
    asks: /^\/console\/head$/,
    shows: "Newest entry",
    newer: "by a button"
  },
  {
    view: "journal",
    asks: /^\/console\/journal\?/,
    shows: "Newest first: entries",
    newer: "never",
    empty: ["Nothing was decided yet.", () => ({ entries: [], next: null })]
  },
  {
    view: "operations",
    asks: /^\/operations\?/,
    shows: "register",
    newer: "by a button",
    empty: ["Operators did nothing yet.", () => ({ operations: [], next: null })]
  },
  {
    view: "store",
    asks: /^\/console\/store$/,
    shows: "DAYBOOK_PORT",
    newer: "by a button",
    empty: ["None was recorded.", "store"]
  },
  {
    view: "store",
    asks: /^\/stats$/,
    press: "Count",
    shows: "Stored version",
    newer: "never",
    empty: ["No stream has a snapshot yet.", "store"]
  },
  {
    view: "nodes",
    asks: /^\/console\/nodes$/,
    shows: "This service runs alone",
    newer: "by itself",
    empty: ["No node has reported yet.", () => ({ clustered: true, self: null, nodes: [] })]
  }
]

/** The first of a list, and others of its kind made of it. */
const firstOf = (answer: Answer, list: string, changes: object): Answer => {
  const [first] = answer[list] as ReadonlyArray<object>
  return { ...answer, [list]: [{ ...first, ...changes }] }
}

/** What the bank does not come to by itself while a test looks. */
export const rare: ReadonlyArray<
  Pick<Screen, "view" | "asks" | "shows"> & { readonly of: (answer: Answer) => object }
> = [
  {
    view: "projections",
    asks: /^\/projections$/,
    of: (answer) =>
      firstOf(answer, "projections", {
        rebuild: { position: 250, target: 1_000, eventsPerSecond: 1_500, secondsLeft: 90 }
      }),
    shows: "1,500/s, 1 min 30 s left"
  },
  {
    view: "projections",
    asks: /^\/projections$/,
    of: (answer) =>
      firstOf(answer, "projections", {
        stuck: [{ streamId: "account-anna", version: 3, position: 12, type: "TransferRequested", attempts: 8 }]
      }),
    shows: "1 stuck"
  },
  {
    view: "overview",
    asks: /^\/console\/overview$/,
    of: (answer) => ({
      ...answer,
      alarms: [{ severity: "error", what: "projection", name: "account_summary", detail: "it has halted" }]
    }),
    shows: "it has halted"
  },
  {
    view: "search?q=anna",
    asks: /^\/console\/search\?/,
    of: (answer) => ({
      ...answer,
      hits: [
        { kind: "damaged", aggregate: "Account", id: "anna", streamId: "account-anna", version: 3, position: null }
      ]
    }),
    shows: "version 3: what is stored there is not what was written"
  },
  {
    view: "search?q=anna",
    asks: /^\/console\/search\?/,
    of: (answer) => ({ ...answer, hits: [], searched: { from: 41, to: 60 }, complete: false }),
    shows: "Search older entries"
  },
  {
    view: "journal",
    asks: /^\/console\/head$/,
    of: (answer) => ({ ...answer, check: { from: 1, to: 9, ok: false, detail: "entry 7 is not what was written" } }),
    shows: "entry 7 is not what was written"
  },
  {
    view: "timers",
    asks: /^\/timers\?/,
    of: () => ({
      timers: [
        {
          key: "bell-a",
          due: "2026-01-31T12:00:00.000Z",
          late: true,
          aggregate: "Bell",
          id: "a",
          command: "Ring",
          scheduledAt: "2026-01-31T11:00:00.000Z",
          streamId: "timer-bell-a",
          version: 1
        }
      ],
      pending: 1,
      due: 1,
      lateSeconds: 61,
      nextCursor: null
    }),
    shows: "1 timer waits; 1 of them late, by up to 1 min 1 s."
  },
  {
    view: "nodes",
    asks: /^\/console\/nodes$/,
    of: () => ({
      clustered: true,
      self: "a:1",
      nodes: [{ address: "b:1", healthy: false, lastHeartbeat: "2026-01-31T12:00:00.000Z", shards: 3 }]
    }),
    shows: "silent"
  },
  {
    view: "store",
    asks: /^\/console\/store$/,
    of: (answer) => ({
      ...answer,
      lastVerify: {
        sequence: 7,
        recordedAt: "2026-01-31T12:00:00.000Z",
        principal: "anna",
        reason: "a look",
        problems: 2,
        events: 40
      }
    }),
    shows: "2 problems"
  }
]
