/**
 * All events of one stream, for stores that are made for such scans: Daybook, with each hash checked, and
 * node-event-storage.
 */
import { once } from "node:events"
import { join } from "node:path"
import EventStorage from "event-storage"

const built = new URL("../../node_modules/.cache/daybook-bench/", import.meta.url)
const { daybook } = await import(new URL("bench/replay.bench.js", built).href)

const stream = "account-1"

/** Without `fsync`, as it comes. */
const eventStorage = (events) => ({
  name: "node-event-storage",
  run: async (folder) => {
    const store = new EventStorage.EventStore("bench", { storageDirectory: join(folder, "storage") })
    await once(store, "ready")
    for (let from = 0; from < events; from += 1_000) {
      const page = Array.from({ length: Math.min(1_000, events - from) }, (_, index) => ({ amount: from + index + 1 }))
      await new Promise((resolve) => store.commit(stream, page, resolve))
    }
    const start = performance.now()
    let count = 0
    for (const { amount } of store.getEventStream(stream)) if (amount > 0) count++
    const seconds = (performance.now() - start) / 1_000
    store.close()
    if (count !== events) throw new Error(`${count} of ${events} events`)
    return { count, seconds }
  }
})

export const scans = (events) => [daybook(), eventStorage(events)]
