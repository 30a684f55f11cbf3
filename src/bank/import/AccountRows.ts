/**
 * `AccountRows` turns lines of a file into commands of accounts, and applies them: each account's in order, many
 * accounts at once.
 */
import { Effect, Either, Schema } from "effect"
import * as ImportRows from "../../cli/ImportRows.ts"
import { InputError } from "../../cli/Lines.ts"
import type { RuntimeError } from "../../core/ActorError.ts"
import type * as Aggregate from "../../core/Aggregate.ts"
import * as SchemaPath from "../../core/SchemaPath.ts"
import * as FormerFingerprint from "../../http/FormerFingerprint.ts"
import * as StrictJson from "../../http/StrictJson.ts"
import type { ImportFormat, ImportSource, Line } from "../../projection/ImportFormat.ts"
import { Account } from "../account/Account.ts"
import { AccountId, Amount, BookedOn, Booking, Opening, OverdraftLimit } from "../account/AccountSchemas.ts"

type Payload =
  | { readonly command: "Open"; readonly payload: typeof Opening.Type }
  | { readonly command: "Deposit" | "Withdraw"; readonly payload: typeof Booking.Type }
  | { readonly command: "Close" }

/** A command read from a line. */
interface Row {
  readonly line: number
  /** The line as it stands in the file. */
  readonly text: string
  readonly accountId: AccountId
  readonly commandId: string
  readonly do: Payload
  /** The line as it stands in the file, where the payload was decoded from it. */
  readonly said?: object
  /** Whether it is not a line of the file, but something that another line needs. */
  readonly isImplied: boolean
}

/** One line as rows, or what is wrong with it. */
type Parse = (file: string, line: Line) => Effect.Effect<ReadonlyArray<Row>, InputError>

/** Reads a line as JSON, an object, and decodes it by the schema that `choose` finds for it. */
const decoder =
  <S extends Schema.Schema.AnyNoContext>(choose: (json: unknown) => S | string) =>
  (
    file: string,
    { number, text }: Line
  ): Either.Either<{ readonly row: Schema.Schema.Type<S>; readonly said: object }, InputError> => {
    const wrong = (reason: string) => Either.left(new InputError({ file, line: number, reason }))
    const json = StrictJson.parseText(text)
    if (Either.isLeft(json)) return wrong(`${json.left.path} ${json.left.reason}`.trim())
    const schema = choose(json.right)
    if (typeof schema === "string") return wrong(schema)
    const decoded = Schema.decodeUnknownEither(schema, { onExcessProperty: "error" })(json.right)
    if (Either.isRight(decoded)) return Either.right({ row: decoded.right, said: json.right as object })
    const path = SchemaPath.of(decoded.left)
    return wrong(path === "" ? "is not a row of this format" : `${path} does not fit`)
  }

/** What a client may choose as a command id; one that begins with U+0001 is Daybook's own. */
const CommandIdText = Schema.String.pipe(Schema.pattern(/^[\x20-\x7e]{1,255}$/))

const target = { commandId: CommandIdText, accountId: AccountId }
const bookingRow = { ...target, command: Schema.Literal("Deposit", "Withdraw"), ...Booking.fields }
const commandRows = {
  Open: Schema.Struct({ ...target, command: Schema.Literal("Open"), ...Opening.fields }),
  Deposit: Schema.Struct(bookingRow),
  Withdraw: Schema.Struct(bookingRow),
  Close: Schema.Struct({ ...target, command: Schema.Literal("Close") })
}
const isCommand = (name: unknown): name is keyof typeof commandRows =>
  typeof name === "string" && Object.hasOwn(commandRows, name)

const decodeCommand = decoder((json) => {
  const name = (json as { readonly command?: unknown } | null)?.command
  const known = Object.keys(commandRows).join(", ")
  return isCommand(name) ? commandRows[name] : `command is none of ${known}`
})

/** Lines of `{commandId, accountId, command, …payload}`; `command` is Open, Deposit, Withdraw or Close. */
const parseCommands: Parse = (file, line) =>
  Either.map(decodeCommand(file, line), ({ row, said }) => {
    const { accountId, command, commandId, ...payload } = row
    // The rest of a row is the payload of its command: the union is decoded as a whole.
    const { number, text } = line
    return [{ line: number, text, accountId, commandId, do: { command, payload } as Payload, said, isImplied: false }]
  })

const BerkaRow = Schema.Struct({
  accountId: Schema.Int,
  seq: Schema.Int,
  sourceRow: Schema.Int,
  transId: Schema.Int,
  date: BookedOn,
  kind: Schema.Literal("deposit", "withdrawal"),
  type: Schema.String,
  operation: Schema.String,
  symbol: Schema.String,
  amountMinor: Schema.Int.pipe(Schema.positive()),
  balanceMinor: Schema.Int,
  roundingMinor: Schema.Int,
  bank: Schema.String,
  counterAccount: Schema.String
})
const decodeBerka = decoder(() => BerkaRow)
const asAmount = Schema.decodeUnknownEither(Amount)

/** The bank's rows. An account is opened, in CZK, with its first one. */
const parseBerka = (overdraftLimit: string): Parse => {
  const seen = new Set<AccountId>()
  return (file, line) =>
    Either.flatMap(decodeBerka(file, line), ({ row }) => {
      const haler = String(row.amountMinor).padStart(3, "0")
      const amount = asAmount(`${haler.slice(0, -2)}.${haler.slice(-2)}`)
      if (Either.isLeft(amount)) {
        return Either.left(new InputError({ file, line: line.number, reason: "amountMinor is out of range" }))
      }
      const accountId = AccountId.make(String(row.accountId))
      const reference = [row.type, row.operation, row.symbol]
        .map((code) => code.trim())
        .filter(Boolean)
        .join(" ")
      const booking: Row = {
        line: line.number,
        text: line.text,
        accountId,
        commandId: String(row.transId),
        do: {
          command: row.kind === "deposit" ? "Deposit" : "Withdraw",
          payload: { amount: amount.right, reference, bookedOn: row.date }
        },
        isImplied: false
      }
      if (seen.has(accountId)) return Either.right([booking])
      seen.add(accountId)
      const opening: Row = {
        line: line.number,
        text: line.text,
        accountId,
        commandId: `open-${accountId}`,
        do: { command: "Open", payload: { owner: `Account ${accountId}`, currency: "CZK", overdraftLimit } },
        isImplied: true
      }
      return Either.right([opening, booking])
    })
}

const routes = { Open: "", Deposit: "/deposits", Withdraw: "/withdrawals", Close: "/close" }

/** What a row is sent with: it may have come over HTTP before, to a release that knew it by its route. */
const optionsOf = ({ accountId, commandId, do: { command }, said }: Row) => {
  if (said === undefined) return { commandId }
  const { accountId: _, command: __, commandId: ___, ...fields } = said as Record<string, unknown>
  const isOpening = command === "Open"
  const route = isOpening ? "POST /accounts" : `POST /accounts/${accountId}${routes[command]}`
  const body = isOpening ? { accountId, ...fields } : fields
  return { commandId, said, formerFingerprint: FormerFingerprint.of(route, body) }
}

/** The rows of each account, in their order; accounts by their first row. */
const byAccount = (rows: ReadonlyArray<Row>): Iterable<ReadonlyArray<Row>> => {
  const groups = new Map<AccountId, Array<Row>>()
  for (const row of rows) {
    const group = groups.get(row.accountId)
    if (group === undefined) groups.set(row.accountId, [row])
    else group.push(row)
  }
  return groups.values()
}

/** Mistakes in a row that only its account can see. */
const mistakes = new Set(["InvalidAmount", "UnknownCurrency"])

/** A command of a row ended without an answer. */
const failed = (file: string, { line }: Row, { message }: RuntimeError) =>
  new InputError({ file, line, reason: message })

/**
 * Applies rows; fails with the first that is a mistake, or that the runtime could not do. Those before it are applied,
 * those of other accounts after it may be.
 */
const makeApply = ({ file, onRefused, tally }: ImportSource) =>
  Effect.map(Account, (accounts) => {
    type Answer = Effect.Effect<
      Aggregate.Reply<unknown, { readonly _tag: string; readonly message: string }>,
      RuntimeError
    >
    const ask = (row: Row): Answer => {
      const account = accounts(row.accountId)
      const options = optionsOf(row)
      if (row.do.command === "Open") return account.ask("Open", row.do.payload, options)
      if (row.do.command === "Close") return account.ask("Close", undefined, options)
      return account.ask(row.do.command, row.do.payload, options)
    }
    const applyOne = (row: Row) =>
      Effect.flatMap(
        Effect.mapError(ask(row), (error) => failed(file, row, error)),
        ({ outcome, replayed }) => {
          if (Either.isLeft(outcome) && mistakes.has(outcome.left._tag)) {
            return new InputError({ file, line: row.line, reason: outcome.left.message })
          }
          if (row.isImplied) return Effect.void
          tally[replayed ? "replayed" : Either.isRight(outcome) ? "applied" : "refused"]++
          if (Either.isLeft(outcome)) {
            onRefused({ number: row.line, text: row.text, kind: outcome.left._tag, replayed })
          }
          return Effect.void
        }
      )
    return (rows: ReadonlyArray<ReadonlyArray<Row>>): Effect.Effect<void, InputError> => {
      let first: { readonly line: number; readonly error: InputError } | undefined
      const applyBeforeFirst = (row: Row) =>
        Effect.suspend(() => {
          if (first !== undefined && first.line <= row.line) return Effect.void
          return Effect.catchAll(applyOne(row), (error) =>
            Effect.sync(() => {
              if (first === undefined || row.line < first.line) first = { line: row.line, error }
            })
          )
        })
      return Effect.forEach(
        byAccount(rows.flat()),
        // The next row of an account waits for this one: its answer may be that the store failed.
        (own) => Effect.forEach(own, applyBeforeFirst, { discard: true }),
        { concurrency: "unbounded", discard: true }
      ).pipe(Effect.flatMap(() => first?.error ?? Effect.void))
    }
  })

const run = (source: ImportSource, parse: Parse) =>
  Effect.flatMap(makeApply(source), (apply) => ImportRows.run(source, (line) => parse(source.file, line), apply))

/** Rows of the bank's own file. The accounts that it opens are not counted. */
export const berka: ImportFormat<Aggregate.Service<"Account">> = {
  name: "berka",
  options: {
    overdraft: { default: "0", description: "limit of the accounts that berka opens, such as 100000.00" }
  },
  refusalOf: ({ overdraft = "" }) =>
    Schema.is(OverdraftLimit)(overdraft) ? undefined : `--overdraft is an amount such as 100000.00, not ${overdraft}`,
  run: (source, { overdraft = "0" }) => run(source, parseBerka(overdraft))
}

export const commands: ImportFormat<Aggregate.Service<"Account">> = {
  name: "commands",
  options: {},
  run: (source) => run(source, parseCommands)
}
