/**
 * Question: how does Daybook stand to what one would pick instead? Method: contestants in turn, each on a fresh file or
 * database, medians of the rounds. Each round is a process of its own. Each load has a number of clients that wait for
 * each answer. A contestant that has not ended in time is stopped, and what it has done by then is shown; so are its
 * errors, and where more or fewer deposits are stored than were acknowledged. Not measured: tuning. Each is used as its
 * own guide shows.
 *
 *     npm ci --prefix bench/peers && npm run bench:peers        (BENCH=full for the sizes that are reported)
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { scans } from "./scans.mjs"
import { onPostgres, onSqlite } from "./stores.mjs"

const built = new URL("../../node_modules/.cache/daybook-bench/", import.meta.url)
const { machine } = await import(new URL("bench/machine.js", built).href)
const PostgresServer = await import(new URL("test/PostgresServer.js", built).href)

const isFull = process.env.BENCH === "full"
const size = (small, full) => (isFull ? full : small)
const rounds = size(1, 3)
/** What a load takes at most; a second more and its process is ended. */
const limitMillis = size(10_000, 40_000)

const loads = [
  { title: "one account, one client", accounts: 1, clients: 1, deposits: size(20, 300) },
  {
    title: "1,000 accounts, 100 clients",
    accounts: size(20, 1_000),
    clients: size(10, 100),
    deposits: size(100, 2_000)
  },
  {
    title: "1,000 accounts, 1,000 clients",
    accounts: size(20, 1_000),
    clients: size(50, 1_000),
    deposits: size(100, 5_000)
  },
  { title: "one account, 100 clients", accounts: 1, clients: size(10, 100), deposits: size(20, 200) }
]

const median = (values) => [...values].sort((left, right) => left - right)[values.length >> 1]

const folderOf = fileURLToPath(new URL(".", import.meta.url))

/** One round in a process of its own: a contestant may end it. What it prints beside its result is its own. */
const round = (contestant, place, what) =>
  new Promise((resolve) => {
    const given = JSON.stringify({ contestant, place, limitMillis, ...what })
    const child = spawn(process.execPath, [join(folderOf, "round.mjs"), given], { stdio: ["ignore", "pipe", "pipe"] })
    let [out, err] = ["", ""]
    child.stdout.on("data", (chunk) => {
      out += chunk
    })
    child.stderr.on("data", (chunk) => {
      err = (err + chunk).slice(-10_000)
    })
    const timer = setTimeout(() => child.kill("SIGKILL"), 3 * limitMillis)
    child.on("exit", (code, signal) => {
      clearTimeout(timer)
      const result = out.trim().split("\n").at(-1)
      if (code === 0 && result?.startsWith("{")) return resolve(JSON.parse(result))
      const why = /\[?(?:\w*Error|SQLITE_\w+): .*/.exec(err)?.[0] ?? signal ?? `code ${code}`
      resolve({ died: why.slice(0, 120) })
    })
  })

const withFolder = async (use) => {
  const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "daybook-peers-"))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const results = []
const report = (row) => {
  results.push(row)
  console.log(JSON.stringify(row))
}

const named = (rows, field) => rows.flatMap((row) => (row[field] === undefined ? [] : [row[field]]))

const measure = async (store, contestants, onPlace) => {
  for (const load of loads) {
    const rows = new Map(contestants.map(({ name }) => [name, []]))
    for (let number = 0; number < rounds; number++) {
      for (const { name } of contestants) {
        rows.get(name).push(await onPlace((place) => round(`${store}: ${name}`, place, { load })))
      }
    }
    for (const { name, promises } of contestants) {
      const all = rows.get(name)
      report({
        store,
        load: load.title,
        deposits: load.deposits,
        name,
        promises,
        perSecond: Math.round(median(all.map(({ perSecond = 0 }) => perSecond))),
        acknowledged: named(all, "acknowledged"),
        stored: named(all, "stored"),
        late: all.filter(({ late }) => late).length,
        died: named(all, "died"),
        errors: Object.assign({}, ...named(all, "errors"))
      })
    }
  }
}

await measure("SQLite", onSqlite, withFolder)
const events = size(100, 2_000)
for (const { name } of onSqlite) {
  const all = []
  for (let number = 0; number < rounds; number++) {
    all.push(await withFolder((folder) => round(`SQLite: ${name}`, folder, { events })))
  }
  const millis = named(all, "millis")
  report({
    store: "SQLite",
    load: `state from ${events} events`,
    name,
    millis: median(millis),
    died: named(all, "died")
  })
}
for (const { name, run: scan } of scans(size(2_000, 100_000))) {
  const rates = []
  for (let number = 0; number < rounds; number++) {
    const { count, seconds } = await withFolder(scan)
    rates.push(count / seconds)
  }
  report({ store: "files", load: "scan of one stream", name, perSecond: Math.round(median(rates)) })
}

const server = await PostgresServer.start()
try {
  const { default: pg } = await import("pg")
  const admin = new pg.Client(server.url)
  await admin.connect()
  let made = 0
  await measure("PostgreSQL", onPostgres, async (use) => {
    const name = `peers_${++made}`
    await admin.query(`CREATE DATABASE ${name}`)
    return use(server.url.replace(/[^/]*$/, name))
  })
  await admin.end()
} finally {
  await server.stop()
}

if (isFull) {
  const kept = { at: new Date().toISOString(), machine: machine(), rounds, results }
  writeFileSync(new URL("result.json", import.meta.url), `${JSON.stringify(kept, null, 2)}\n`)
}
process.exit(0)
