/** One round of one contestant: `main.mjs` starts it with what to do, and reads its result from the last line. */
import process from "node:process"
import { onPostgres, onSqlite } from "./stores.mjs"

const within = (promise, millis) => {
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve("late"), millis)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Deposits before the clock runs. */
const warmUps = 300

/** Runs one load on one contestant. */
const run = async ({ accounts, clients, deposits }, { open }, place, limitMillis) => {
  const store = await open(place)
  // Until its tables are made, its connections are open, and its code is compiled. Of accounts that the load leaves
  // alone.
  for (let number = 0; number < warmUps; number++) await store.deposit(accounts + (number % 100), number)
  let [next, acknowledged] = [0, 0]
  const errors = new Map()
  const client = async () => {
    while (next < deposits) {
      const number = next++
      try {
        await store.deposit((number * 7_919) % accounts, number + 1)
        acknowledged++
      } catch (error) {
        const text = String(error?.message ?? error)
          .split("\n")[0]
          .slice(0, 120)
        errors.set(text, (errors.get(text) ?? 0) + 1)
      }
    }
  }
  const start = performance.now()
  const ended = await within(Promise.all(Array.from({ length: clients }, client)), limitMillis)
  const seconds = (performance.now() - start) / 1_000
  const done = acknowledged
  next = deposits
  const stored = (await store.stored()) - warmUps
  if (ended === "late") void store.close()
  else await store.close()
  return {
    perSecond: done / seconds,
    acknowledged: done,
    stored,
    late: ended === "late",
    errors: Object.fromEntries(errors)
  }
}

/** How long it takes to load the account from the store, with nothing of it in memory, in milliseconds. */
const coldLoad = async ({ open }, place, events) => {
  const store = await open(place)
  for (let number = 0; number < events; number++) await store.deposit(0, number)
  await store.forget()
  const start = performance.now()
  await store.balance(0)
  const millis = performance.now() - start
  await store.close()
  return millis
}

const { contestant, events, limitMillis, load, place } = JSON.parse(process.argv[2])
const contestants = new Map([
  ...onSqlite.map((one) => [`SQLite: ${one.name}`, one]),
  ...onPostgres.map((one) => [`PostgreSQL: ${one.name}`, one])
])
const one = contestants.get(contestant)
const result =
  load === undefined ? { millis: await coldLoad(one, place, events) } : await run(load, one, place, limitMillis)
console.log(JSON.stringify(result))
process.exit(0)
