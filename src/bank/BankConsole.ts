/** `BankConsole` is how the bank calls its things in the console. The page knows none of these words itself. */
import type { ConsoleWords, Part } from "../projection/ConsoleWords.ts"

/** Amounts of a state are whole minor units. */
const money = (path: string, title: string): Part => ({ path, title, decimals: "decimals" })
const part = (path: string, title: string): Part => ({ path, title })

export const words: ConsoleWords = {
  title: "Bank",
  aggregates: {
    Account: {
      title: "Account",
      plural: "Accounts",
      numbers: [money("balance", "Balance"), money("overdraftLimit", "Overdraft limit")],
      columns: [
        part("owner", "Owner"),
        money("balance", "Balance"),
        part("currency", "Currency"),
        part("status", "Status")
      ],
      pages: [
        {
          title: "Statement",
          path: "/accounts/{id}/statement?from={from}&to={to}",
          rows: "lines",
          columns: [
            part("day", "Day"),
            part("type", "What"),
            part("amount", "Amount"),
            part("balance", "Balance"),
            part("reference", "Reference"),
            part("other", "Other account")
          ]
        },
        { title: "Holds", path: "/accounts/{id}/holds" }
      ]
    },
    Transfer: {
      title: "Transfer",
      plural: "Transfers",
      numbers: [money("amount", "Amount")],
      columns: [
        part("from", "From"),
        part("to", "To"),
        money("amount", "Amount"),
        part("currency", "Currency"),
        part("status", "Status"),
        part("reason", "Reason")
      ],
      pages: [{ title: "Transfer", path: "/transfers/{id}" }]
    }
  }
}
