/**
 * `Rows` is a story of commands as `daybook import --format commands` reads them: each kind, and each refusal that is
 * kept.
 */

export type Row = Readonly<Record<string, string>>

export const story = (name: string): ReadonlyArray<Row> => {
  const all: Array<Row> = []
  const add = (account: string, command: string, more: Row = {}) =>
    all.push({ commandId: `${name} ${all.length}`, accountId: `${name}-${account}`, command, ...more })
  const open = { owner: "Jana Nováková", currency: "EUR" }
  add("a", "Open", open)
  add("b", "Open", { ...open, overdraftLimit: "100.5" })
  add("y", "Open", { ...open, currency: "JPY", overdraftLimit: "0" })
  add("a", "Open", open)
  for (const amount of ["12.5", "12.50", "12", "0.05"]) {
    for (const command of ["Deposit", "Withdraw"]) {
      add("a", command, { amount })
      add("a", command, { amount, reference: "Nájem “březen” \u{1f3e0}" })
      add("a", command, { bookedOn: "2024-02-29", amount })
      add("a", command, { amount, bookedOn: "2024-02-29", reference: "" })
    }
  }
  add("y", "Deposit", { amount: "120" })
  add("y", "Close")
  add("y", "Withdraw", { amount: "120" })
  add("a", "Withdraw", { amount: "1" })
  add("b", "Withdraw", { amount: "100.51", reference: "too much" })
  add("y", "Close")
  add("y", "Close")
  add("y", "Deposit", { amount: "1" })
  return all
}

/** The refused ones among them. */
export const refusals = 6

/** The lines of a file. */
export const linesOf = (rows: ReadonlyArray<Row>): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

/** The same rows with their fields in another order. */
export const rewritten = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> =>
  rows.map((row) => Object.fromEntries(Object.entries(row).reverse()))
