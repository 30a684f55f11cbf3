/** Deposits over HTTP, for the benchmarks of the service: clients that are plain sockets, which cost little. */
import { connect } from "node:net"
import { Database } from "./byHand.ts"

const request = (path: string, body: object, key: string): string => {
  const text = JSON.stringify(body)
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nidempotency-key: ${key}\r\ncontent-length: ${text.length}\r\n\r\n${text}`
}

/**
 * Sends requests one after the other on one connection while `next` gives some, and fails unless each is answered with
 * 2xx.
 */
const client = (url: URL, next: () => string | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    let received = ""
    const send = () => {
      const text = next()
      if (text === undefined) {
        socket.end()
        resolve()
      } else socket.write(text)
    }
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      received += chunk
      const end = received.indexOf("\r\n\r\n")
      const length = /content-length: (\d+)/i.exec(received)?.[1]
      if (end === -1 || length === undefined || received.length < end + 4 + Number(length)) return
      if (!received.startsWith("HTTP/1.1 2")) reject(new Error(received))
      received = ""
      send()
    })
    socket.on("connect", send).on("error", reject)
  })

const all = async (url: URL, connections: number, count: number, text: (number: number) => string): Promise<void> => {
  let sent = 0
  const next = () => (sent < count ? text(sent++) : undefined)
  await Promise.all(Array.from({ length: connections }, () => client(url, next)))
}

/** Opens this many accounts. */
export const open = (url: URL, accounts: number): Promise<void> =>
  all(url, 64, accounts, (number) =>
    request("/accounts", { accountId: `account-${number}`, owner: "Anna", currency: "EUR" }, `open ${number}`)
  )

/** Makes this many deposits to these accounts, each with a key of its own; `first` is the number of the first. */
export const make = (url: URL, connections: number, deposits: number, accounts: number, first = 0): Promise<void> =>
  all(url, connections, deposits, (index) => {
    const number = first + index
    return request(
      `/accounts/account-${(number * 7_919) % accounts}/deposits`,
      { amount: "12.50" },
      `deposit ${number}`
    )
  })

/** What was answered is there after the server was killed: each deposit once. */
export const assertStored = (filename: string, deposits: number): void => {
  const database = new Database(filename)
  const stored = database.prepare("SELECT count(*) FROM events WHERE type = 'Deposited'").pluck().get()
  database.close()
  if (stored !== deposits) throw new Error(`${stored} deposits are stored of ${deposits}`)
}
