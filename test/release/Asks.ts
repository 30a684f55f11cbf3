/** `Asks` is a story of commands as a program sends them to the actors in its own process: each that there is. */

/** A command as `asking.mjs` reads it. */
export interface Ask {
  readonly aggregate: "Account" | "Transfer"
  readonly id: string
  readonly command: string
  readonly payload?: Readonly<Record<string, string>>
  readonly options: {
    readonly commandId: string
    readonly expectedVersion?: number
    readonly fingerprint?: string
  }
}

export const story = (name: string): ReadonlyArray<Ask> => {
  const all: Array<Ask> = []
  const ask = (aggregate: Ask["aggregate"], command: string, id: string, payload?: object, options: object = {}) =>
    all.push({
      aggregate,
      id: `${name}-${id}`,
      command,
      ...(payload !== undefined && { payload: payload as Readonly<Record<string, string>> }),
      options: { commandId: `${name} ${all.length}`, ...options }
    })
  const account = (command: string, id: string, payload?: object, options: object = {}) =>
    ask("Account", command, id, payload, options)
  const open = { owner: "Ada", currency: "EUR" }

  account("Open", "a", open)
  account("Open", "b", { ...open, overdraftLimit: "100.5" }, { expectedVersion: 0 })
  account("Open", "a", { owner: "Bert", currency: "JPY" })
  for (const amount of ["12.5", "12.50", "12", "0.05"]) {
    for (const command of ["Deposit", "Withdraw"]) {
      account(command, "a", { amount })
      account(command, "a", { reference: "r “ä”", amount })
      account(command, "a", { amount, bookedOn: "2024-02-29" })
      account(command, "a", { bookedOn: "2024-02-29", reference: "", amount })
    }
  }
  account("Deposit", "a", { amount: "100" }, { fingerprint: "the first hundred" })
  account("Withdraw", "b", { amount: "100.51" })
  account("Withdraw", "b", { amount: "100.52" }, { fingerprint: "as much as possible" })

  const reservation = { amount: "10.5", reference: "order 7", expiresAt: "2199-12-31T23:59:59Z" }
  account("Reserve", "a", { holdId: "h1", ...reservation })
  account("Reserve", "a", { amount: "10", holdId: "h2" })
  account("Reserve", "a", { holdId: "h3", amount: "1" }, { expectedVersion: 36 })
  account("Reserve", "a", { holdId: "h1", amount: "1" })
  account("Capture", "a", { holdId: "h1", amount: "10.51" })
  account("Capture", "a", { amount: "10.50", holdId: "h1" })
  account("Capture", "a", { holdId: "h2" })
  account("Close", "a")
  account("Release", "a", { holdId: "h3" })
  account("Close", "a")

  const leg = { transferId: `${name}-leg`, currency: "EUR", amount: "5.5" }
  account("Debit", "a", { ...leg, account: `${name}-b` })
  account("Debit", "a", { ...leg, transferId: `${name}-large`, account: `${name}-b`, amount: "100000" })
  account("Debit", "nobody", { ...leg, account: `${name}-b`, reference: "rent" })
  account("Close", "a")
  account("Credit", "b", { account: `${name}-a`, reference: "rent", ...leg })
  account("Debit", "a", { amount: "1", currency: "EUR", account: `${name}-b`, transferId: `${name}-back` })
  account("Refund", "a", { ...leg, transferId: `${name}-back`, account: `${name}-b`, amount: "1" })

  // Each is as far as its accounts would let it come, for the process of a service that opens this database later.
  const order = { from: `${name}-a`, to: `${name}-b`, currency: "EUR", amount: "1.5" }
  ask("Transfer", "Request", "t1", order)
  ask("Transfer", "NoteDebit", "t1")
  ask("Transfer", "Request", "t2", { reference: "rent", ...order })
  ask("Transfer", "Complete", "t2")
  ask("Transfer", "Request", "t1", { ...order, amount: "2" })
  ask("Transfer", "Request", "t3", { ...order, from: `${name}-nobody` })
  ask("Transfer", "Refuse", "t3", { reason: "source-not-found" })
  ask("Transfer", "Request", "t4", { ...order, to: `${name}-nobody` })
  ask("Transfer", "RequestRefund", "t4", { reason: "target-not-found" }, { fingerprint: "any reason" })
  ask("Transfer", "NoteRefund", "t4")
  return all
}

/** The same commands with the fields of their payloads in another order. */
export const rewritten = (asks: ReadonlyArray<Ask>): ReadonlyArray<Ask> =>
  asks.map(({ payload, ...ask }) => ({
    ...ask,
    ...(payload !== undefined && { payload: Object.fromEntries(Object.entries(payload).reverse()) })
  }))

/** For each command with a payload one that is not the same, though it has the same id. */
export const different = (asks: ReadonlyArray<Ask>): ReadonlyArray<Ask> =>
  asks.flatMap(({ options, payload, ...ask }) =>
    payload?.amount === undefined || options.fingerprint !== undefined
      ? []
      : [{ ...ask, options, payload: { ...payload, amount: "7.77" } }]
  )
