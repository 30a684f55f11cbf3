/** Logs as releases before the journal wrote them. */
import { Buffer } from "node:buffer"
import Sqlite from "better-sqlite3"
import { noHead } from "../../src/core/AppendPlan.ts"
import * as EventHash from "../../src/core/EventHash.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import { checksum, migrationsOf } from "../../src/sql/Migrations.ts"
import { sqlite } from "../../src/sql/SqliteDialect.ts"

const steps = migrationsOf(sqlite)
const before = steps.slice(
  0,
  steps.findIndex(({ name }) => name === "journal")
)

export const insertEvent = `INSERT INTO events (position, stream_id, version, type, schema_version, data, command_id,
  correlation_id, causation_id, traceparent, recorded_at, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
export const insertCommand = `INSERT INTO commands (command_id, stream_id, fingerprint, outcome, answer, version, position,
  command, answer_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

/** The marks of a file that is ours. */
const applicationId = 0x44617962

/**
 * A log of this many commands over some streams. In each ten, one is a refusal and one has three events; ids are
 * scattered, so that their order is another than that of the log.
 */
export const make = (filename: string, count: number, streams = 10): void => {
  const database = new Sqlite(filename)
  database.pragma("journal_mode = WAL")
  database.pragma("synchronous = OFF")
  database.pragma(`application_id = ${applicationId}`)
  database.exec(`CREATE TABLE migrations (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
    ) STRICT`)
  for (const [index, step] of before.entries()) {
    for (const statement of step.up) database.exec(statement)
    database.prepare("INSERT INTO migrations VALUES (?, ?, ?, 0)").run(index + 1, step.name, checksum(step))
  }
  const [event, command] = [database.prepare(insertEvent), database.prepare(insertCommand)]
  const heads = new Map<number, { version: number; position: number; hash: string }>()
  let position = 0
  database.transaction(() => {
    for (let number = 1; number <= count; number++) {
      const stream = (number * 7 + Math.floor(number / 10)) % streams
      const streamId = StreamId.make(`s-${stream}`)
      const scattered = (Math.imul(number, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0")
      const commandId = `${scattered}-4b1d-4c6e-8f3a-5d2e7c9b1a40`
      const isRefusal = number % 10 === 0
      const events = isRefusal ? 0 : number % 10 === 5 ? 3 : 1
      let head = heads.get(stream) ?? { ...noHead }
      for (let index = 0; index < events; index++) {
        position++
        const hashed = {
          position,
          streamId,
          version: head.version + 1,
          type: "Noted",
          schemaVersion: 1,
          data: `{"number":${number}}`,
          commandId,
          correlationId: number % 3 === 0 ? "conversation" : commandId,
          causationId: number % 3 === 0 ? "s-0@1" : null,
          traceparent: null,
          recordedAt: 1_000 + number,
          previousHash: head.hash
        }
        const hash = EventHash.compute(hashed)
        event.run(
          position,
          streamId,
          hashed.version,
          "Noted",
          1,
          hashed.data,
          commandId,
          hashed.correlationId,
          hashed.causationId,
          null,
          hashed.recordedAt,
          head.hash,
          hash
        )
        head = { version: hashed.version, position, hash }
      }
      heads.set(stream, head)
      const fingerprint = number % 2 === 0 ? Buffer.from(commandId).toString("hex").slice(0, 32) : `free ${number}`
      const outcome = isRefusal ? "refusal" : "success"
      const name = number % 4 === 0 ? null : "Note"
      command.run(commandId, streamId, fingerprint, outcome, "{}", head.version, head.position, name, 1)
    }
  })()
  database.close()
}
