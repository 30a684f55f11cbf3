/**
 * `Requests` is a story of keyed commands as clients of the account service send them: each kind, each combination of
 * fields that may be left out, amounts in each spelling, and each refusal that is kept.
 */

/** A command over HTTP, as it is sent. */
export interface Request {
  readonly key: string
  readonly path: string
  /** The text of the body; none where there is no body. */
  readonly body?: string
  /**
   * Whether it is sent for the version that its account has at this time, which it has no longer when it comes again.
   */
  readonly matches?: boolean
  /** Status and code of a refusal that this is sent to get; else it succeeds. */
  readonly refusal?: string
}

type Fields = Readonly<Record<string, string>>

/** Each subset of two fields, from none to both. */
const subsets = (one: Fields, other: Fields): ReadonlyArray<Fields> => [{}, one, other, { ...one, ...other }]

const amounts: Readonly<Record<string, ReadonlyArray<string>>> = {
  EUR: ["12.5", "12.50", "12", "0.05"],
  JPY: ["120"],
  KWD: ["1.2", "1.234"]
}

const text = 'Miete “März” \u{1f3e0} \\ " / \u2028 z\u0301'

/** Ids and keys of a round begin with its name. The accounts of one round know nothing of those of another. */
export const round = (name: string, { holds = 0 } = {}): ReadonlyArray<Request> => {
  const all: Array<Request> = []
  const send = (path: string, body?: object, more: Pick<Request, "matches" | "refusal"> = {}) => {
    const key = `${name} ${all.length}`
    all.push({ key, path, ...(body !== undefined && { body: JSON.stringify(body) }), ...more })
  }
  const refused = (refusal: string) => ({ refusal })
  const id = (account: string) => `${name}-${account}`
  const on = (account: string, what: string) => `/accounts/${id(account)}/${what}`
  const open = (account: string, currency: string, more: object = {}) =>
    send("/accounts", { accountId: id(account), owner: "Anna Liddell", currency, ...more })

  open("eur", "EUR")
  open("jpy", "JPY", { overdraftLimit: "1000" })
  open("kwd", "KWD", { overdraftLimit: "0.125" })
  open("rich", "EUR", { overdraftLimit: "100.5" })
  open("gone", "EUR", { overdraftLimit: "0" })
  send("/accounts", { owner: text, currency: "CHF" })
  send("/accounts", { owner: "Ö", currency: "EUR", overdraftLimit: "12.50" })
  send("/accounts", { accountId: id("eur"), owner: "Anna Liddell", currency: "EUR" }, refused("account-exists"))
  send("/accounts", { accountId: id("eur"), owner: "Bert", currency: "JPY" }, refused("account-exists"))

  const bookings = subsets({ reference: text }, { bookedOn: "2024-02-29" })
  for (const [currency, written] of Object.entries(amounts)) {
    const account = currency.toLowerCase()
    for (const amount of written) {
      for (const more of bookings) {
        send(on(account, "deposits"), { amount, ...more })
        send(on(account, "withdrawals"), { amount, ...more })
      }
    }
  }
  send(on("eur", "deposits"), { amount: "1000", reference: "" }, { matches: true })
  send(on("eur", "withdrawals"), { bookedOn: "2025-12-31", amount: "0.01" }, { matches: true })
  send(on("rich", "withdrawals"), { amount: "100.50" })
  for (const more of bookings) {
    send(on("rich", "withdrawals"), { amount: "0.01", ...more }, refused("insufficient-funds"))
  }
  send(on("eur", "withdrawals"), { amount: "999999999999999.99" }, refused("insufficient-funds"))
  send(on("rich", "close"), undefined, refused("balance-not-zero"))
  send(on("rich", "close"), {}, refused("balance-not-zero"))

  const terms = subsets({ reference: "order 7" }, { expiresAt: "2199-12-31T23:59:59.5Z" })
  for (const [index, more] of terms.entries()) {
    const hold = (which: string) => `holds/${name}-${which}-${index}`
    send(on("eur", "holds"), { holdId: `${name}-all-${index}`, amount: "12.50", ...more })
    send(on("eur", "holds"), { holdId: `${name}-part-${index}`, amount: "12.5", ...more })
    send(on("eur", "holds"), { holdId: `${name}-none-${index}`, amount: "12", ...more })
    send(on("eur", "holds"), { amount: "0.05", ...more })
    send(on("eur", "holds"), { holdId: `${name}-all-${index}`, amount: "1", ...more }, refused("hold-exists"))
    send(on("eur", `${hold("part")}/capture`), { amount: "12.51" }, refused("hold-exceeded"))
    send(on("eur", `${hold("all")}/capture`), {})
    send(on("eur", `${hold("part")}/capture`), { amount: index % 2 === 0 ? "10.5" : "12.50" })
    send(on("eur", `${hold("none")}/release`), ...(index % 2 === 0 ? [] : [{}]))
  }
  send(on("eur", "holds"), { amount: "1000000" }, refused("insufficient-funds"))
  send(on("eur", "close"), undefined, refused("hold-open"))
  for (let index = 0; index < holds; index++) send(on("rich", "deposits"), { amount: String(index + 1) })
  for (let index = 0; index < holds; index++) send(on("rich", "holds"), { amount: "0.01" })
  if (holds > 0) send(on("rich", "holds"), { amount: "0.01" }, refused("too-many-holds"))

  const transfer = (from: string, to: string, amount: string, more: object = {}, refusal?: string) =>
    send("/transfers", { from: id(from), to: id(to), amount, ...more }, refusal === undefined ? {} : { refusal })
  transfer("eur", "gone", "5")
  transfer("eur", "gone", "5.5", { transferId: id("rent"), reference: text })
  transfer("eur", "gone", "5.50", { reference: "" })
  transfer("eur", "gone", "1", { transferId: id("rent") }, "transfer-exists")
  transfer("eur", "gone", "1000000", {}, "insufficient-funds")
  transfer("eur", "nobody", "1", { transferId: id("lost") }, "transfer-refused")
  transfer("eur", "jpy", "1", {}, "transfer-refused")

  send(on("gone", "withdrawals"), { amount: "16" })
  send(on("gone", "close"), undefined, { matches: true })
  send(on("gone", "close"), undefined, refused("account-closed"))
  send(on("gone", "deposits"), { amount: "1", bookedOn: "2024-02-29" }, refused("account-closed"))
  send(on("gone", "withdrawals"), { amount: "1.0" }, refused("account-closed"))
  send(on("gone", "holds"), { holdId: id("late"), amount: "1" }, refused("account-closed"))
  send(on("gone", "holds/none/capture"), { amount: "1" }, refused("account-closed"))
  send(on("gone", "holds/none/release"), undefined, refused("account-closed"))
  transfer("eur", "gone", "1", { reference: "too late" }, "transfer-refused")
  transfer("gone", "eur", "1", {}, "account-closed")
  return all
}

/** What is refused while a transfer of the first account has been debited, and not credited. */
export const pending = (name: string) => {
  const [from, to] = [`${name}-from`, `${name}-to`]
  const open = (accountId: string) => ({
    key: `${name} open ${accountId}`,
    path: "/accounts",
    body: JSON.stringify({ accountId, owner: "Anna Liddell", currency: "EUR", overdraftLimit: "5" })
  })
  return {
    from,
    before: [open(from), open(to)] satisfies ReadonlyArray<Request>,
    transfer: {
      key: `${name} transfer`,
      path: "/transfers",
      body: JSON.stringify({ transferId: `${name}-held`, from, to, amount: "5", reference: "rent" })
    } satisfies Request,
    during: [
      { key: `${name} close`, path: `/accounts/${from}/close`, refusal: "transfer-pending" }
    ] satisfies ReadonlyArray<Request>
  }
}

/** The same request as another client would write it: its keys in another order, with white space and escapes. */
export const rewritten = (request: Request): Request => {
  // An empty object says as much as no body.
  if (request.body === undefined) return { ...request, body: " {\n} " }
  const entries = Object.entries<string>(JSON.parse(request.body)).reverse()
  const escaped = (value: string) =>
    `"${[...value].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}${low(letter)}`).join("")}"`
  return { ...request, body: `{ ${entries.map(([name, value]) => `"${name}" :\t${escaped(value)}`).join("\r\n,")} }` }
}
/** The second half of a character beyond U+FFFF. */
const low = (letter: string): string => (letter.length === 1 ? "" : `\\u${letter.charCodeAt(1).toString(16)}`)

/** What is not the same command, though it comes with the same key: each has one thing that is different. */
export const different = (request: Request): ReadonlyArray<Request> => {
  const { body: text = "{}", key, path } = request
  const body: Readonly<Record<string, string>> = JSON.parse(text)
  const withBody = (changed: object) => ({ key, path, body: JSON.stringify(changed) })
  const to = (path: string) => ({ ...request, path })
  const found: Array<Request> = []
  if (body.amount !== undefined) found.push(withBody({ ...body, amount: "77.7" }))
  if (body.owner !== undefined) found.push(withBody({ ...body, owner: `${body.owner}.` }))
  if (/(?:deposits|withdrawals|holds)$|transfers$/.test(path)) {
    const { reference, ...rest } = body
    found.push(withBody(reference === undefined ? { ...rest, reference: "" } : rest))
  }
  if (path === "/accounts") {
    found.push(withBody({ ...body, overdraftLimit: "7" }), withBody({ ...body, accountId: "another" }))
  }
  if (path.startsWith("/accounts/")) found.push(to(path.replace(/(?<=^\/accounts\/)[^/]+/, "another")))
  if (path.endsWith("/deposits")) found.push(to(path.replace("deposits", "withdrawals")))
  if (path.endsWith("/withdrawals")) found.push(to(path.replace("withdrawals", "deposits")))
  if (path.includes("/holds/")) found.push(to(path.replace(/(?<=\/holds\/)[^/]+/, "another")))
  if (path.endsWith("/capture") && body.amount === undefined) found.push(to(path.replace("capture", "release")))
  if (path.endsWith("/close")) found.push({ key, path: path.replace("close", "deposits"), body: '{"amount":"1"}' })
  return found.map(({ matches: _, ...rest }) => rest)
}
