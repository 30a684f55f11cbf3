/**
 * `CommandCodec` is the one way from commands and their answers to stored text and back: the twin of `EventCodec.ts`. A
 * payload, a kept answer and a kept refusal are read here, through the upcasters of its `StoredForm`.
 *
 * An answer is read back from its text before it is stored, so that the first caller gets what every later one gets.
 */
import type { Rpc } from "@effect/rpc"
import { Either, type Schema } from "effect"
import { InvalidAnswer, UnreadableAnswer } from "./ActorError.ts"
import * as CommandIdentity from "./CommandIdentity.ts"
import type { Outcome } from "./Definition.ts"
import type { KeptAnswer } from "./EventStore.ts"
import * as HeldValue from "./HeldValue.ts"
import * as Json from "./Json.ts"
import * as PayloadDefaults from "./PayloadDefaults.ts"
import * as StoredForm from "./StoredForm.ts"
import * as StoredText from "./StoredText.ts"
import { InvalidArgument } from "./StoreError.ts"
import * as TextCodec from "./TextCodec.ts"

/** A command as an actor takes it. */
export interface Received {
  /** As it reads from its stored form, with the defaults of its schema, and frozen. */
  readonly payload: unknown
  /** As it is stored. */
  readonly stored: KeptAnswer
  readonly fingerprint: string
  readonly earlier: CommandIdentity.Earlier
}

/** What says which command it is, beside its payload; see `CommandOptions`. */
export interface Identifying {
  /** The caller's own, in place of the payload. */
  readonly fingerprint?: string | undefined
  /** One that an earlier release of the caller's code gave to the same command. */
  readonly formerFingerprint?: string | undefined
  /** What the caller said, as JSON, where defaults were filled in before it came here. */
  readonly said?: unknown
}

/** An answer on its way into a store, with the value as every caller gets it. */
export interface WrittenAnswer extends KeptAnswer {
  readonly value: unknown
}

export interface CommandCodec {
  /** The names of the commands. */
  readonly tags: ReadonlyArray<string>
  /** Tags of the errors that the commands declare. */
  readonly errorTags: ReadonlySet<string>
  /**
   * Where a form with versions stands within another form, so that its own version is not stored; see
   * `StoredForm.isNested`.
   */
  readonly nested: ReadonlyArray<{ readonly command: string; readonly part: "payload" | "success" | "error" }>
  /** A payload from a caller. Fails where it does not fit its schema, or could not be stored and read again. */
  readonly receive: (
    tag: string,
    id: string,
    given: unknown,
    commandId: string,
    identifying?: Identifying
  ) => Either.Either<Received, InvalidArgument>
  /** A payload in its stored form, for code that keeps it or sends it elsewhere, and back. */
  readonly writePayload: (tag: string, payload: unknown) => Either.Either<KeptAnswer, InvalidArgument>
  readonly readPayload: (tag: string, stored: KeptAnswer) => Either.Either<unknown, InvalidArgument>
  /** Throws `InvalidAnswer` where the value does not fit its schema, or could not be read again. */
  readonly writeAnswer: (tag: string, outcome: Outcome, value: unknown) => WrittenAnswer
  readonly readAnswer: (tag: string, outcome: Outcome, stored: KeptAnswer) => Either.Either<unknown, UnreadableAnswer>
}

/** A schema with its versions, compiled. */
interface Versioned {
  readonly codec: TextCodec.TextCodec<unknown>
  readonly upcaster: StoredForm.Upcaster
  readonly history: StoredForm.History
}

const versioned = (schema: Schema.Schema.AnyNoContext, options?: TextCodec.Options): Versioned => {
  const history = StoredForm.historyOf(schema)
  return { codec: TextCodec.make(schema, options), upcaster: StoredForm.upcaster(history), history }
}

const tagIn = (form: unknown): string | undefined =>
  Json.isPlainObject(form) && typeof form._tag === "string" ? form._tag : undefined

/** Most commands need no entry in any of these lists. */
const none: ReadonlyArray<never> = []

const compile = (
  aggregate: string,
  rpc: Rpc.AnyWithProps,
  formerOrders: ReadonlyArray<ReadonlyArray<string>> = none
) => {
  const payload = rpc.payloadSchema as Schema.Schema.AnyNoContext
  const error = rpc.errorSchema as Schema.Schema.AnyNoContext
  const refusals = StoredForm.membersOf(error).map((member) => ({
    ...versioned(member),
    /** The tags of its versions. */
    tags: StoredForm.historyOf(member).forms.map(StoredForm.tagOf)
  }))
  return {
    address: CommandIdentity.addressOf(aggregate, rpc._tag),
    payload: versioned(payload, { isCanonical: true }),
    identity: StoredForm.identityOf(payload),
    /** Payloads are written with their keys sorted; what was stored before was not. */
    orders: [StoredForm.fieldsOf(payload), ...formerOrders],
    defaults: PayloadDefaults.of(payload),
    success: versioned(rpc.successSchema as Schema.Schema.AnyNoContext, { refuseExcess: true }),
    /** An error is an object with a stack, a field that no schema has. */
    error: TextCodec.make(error as Schema.Schema<unknown, unknown>),
    refusals
  }
}

/** The fields of a stored form that somebody said, at every depth. */
const saidOf = (form: unknown, said: unknown): unknown => {
  if (Array.isArray(form) && Array.isArray(said)) return form.map((item, index) => saidOf(item, said[index]))
  if (!Json.isPlainObject(form) || !Json.isPlainObject(said)) return form
  return Object.fromEntries(
    Object.entries(form).flatMap(([key, inner]) => (Object.hasOwn(said, key) ? [[key, saidOf(inner, said[key])]] : []))
  )
}

/** The fields that are in the one and not in the other. */
const notIn = (form: unknown, supplied: unknown): ReadonlyArray<string> =>
  form === supplied || !Json.isPlainObject(form) || !Json.isPlainObject(supplied)
    ? none
    : Object.keys(form).filter((key) => !Object.hasOwn(supplied, key))

const wrongFingerprint = (argument: string, text: string | undefined): InvalidArgument | undefined => {
  const reason = text === undefined ? undefined : StoredText.misfit(text)
  return reason === undefined ? undefined : new InvalidArgument({ argument, reason })
}

const same = (form: unknown): unknown => form

/** For orders of fields, see `Contract.formerOrders`. */
export type FormerOrders = Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>>

export const make = (
  aggregate: string,
  rpcs: ReadonlyArray<Rpc.AnyWithProps>,
  formerOrders: FormerOrders = {}
): CommandCodec => {
  const commands = new Map(rpcs.map((rpc) => [rpc._tag, compile(aggregate, rpc, formerOrders[rpc._tag])]))
  const command = (tag: string) => {
    const found = commands.get(tag)
    if (found === undefined) throw new Error(`${aggregate} has no command ${tag}`)
    return found
  }

  const invalid = (tag: string, { path, reason }: Json.Misfit): InvalidArgument =>
    new InvalidArgument({ argument: [aggregate, tag, path].filter(Boolean).join("."), reason })

  const receive: CommandCodec["receive"] = (tag, id, given, commandId, identifying = {}) => {
    const { address, defaults, identity, orders, payload } = command(tag)
    const { fingerprint: own, formerFingerprint, said } = identifying
    const wrong = wrongFingerprint("fingerprint", own) ?? wrongFingerprint("formerFingerprint", formerFingerprint)
    if (wrong !== undefined) return Either.left(wrong)
    const completed = defaults.complete(given)
    const written = payload.codec.write(completed)
    if (Either.isLeft(written)) return Either.left(invalid(tag, written.left))
    const { asRead, form, text } = written.right
    if (StoredText.isOver(text, StoredText.maxCommandBytes)) {
      return Either.left(invalid(tag, { path: "", reason: `is over ${StoredText.maxCommandBytes} bytes` }))
    }
    const defaulted = defaults.defaulted(given)
    const isWhole = said === undefined && identity === undefined && defaulted.length === 0
    const supplied = isWhole || form === undefined ? form : saidOf(PayloadDefaults.without(form, defaulted), said)
    const identified = isWhole || form === undefined ? text : Json.canonical((identity ?? same)(supplied))
    return Either.right({
      payload: HeldValue.freeze(asRead),
      stored: { text, version: payload.upcaster.version },
      fingerprint: CommandIdentity.of(address, id, commandId, identified, own),
      earlier: {
        given: completed,
        form,
        defaulted: notIn(form, supplied),
        fingerprints:
          own === undefined && formerFingerprint === undefined
            ? none
            : [own, formerFingerprint].filter((each) => each !== undefined),
        orders
      }
    })
  }

  const writePayload: CommandCodec["writePayload"] = (tag, value) => {
    const { codec, upcaster } = command(tag).payload
    return Either.mapBoth(codec.write(value), {
      onLeft: (misfit) => invalid(tag, misfit),
      onRight: ({ text }) => ({ text, version: upcaster.version })
    })
  }

  /** Reads the text of a version of a stored form as the value that it is today. */
  const read = (
    { codec, upcaster }: Versioned,
    form: unknown,
    version: number
  ): Either.Either<unknown, Json.Misfit> => {
    if (!Number.isInteger(version) || version < 1)
      return Either.left({ path: "", reason: "versions are counted from 1" })
    if (version > upcaster.version) {
      const reason = `version ${version} was written by newer code; this code knows versions up to ${upcaster.version}`
      return Either.left({ path: "", reason })
    }
    return Either.flatMap(upcaster.upcast(form, version, []), codec.read)
  }

  const readPayload: CommandCodec["readPayload"] = (tag, { text, version }) =>
    Either.mapLeft(
      Either.flatMap(TextCodec.parse(text), (form) => read(command(tag).payload, form, version)),
      (misfit) => invalid(tag, misfit)
    )

  const refuse = (tag: string, outcome: Outcome, { path, reason }: Json.Misfit): InvalidAnswer =>
    new InvalidAnswer(
      `the ${outcome} of ${aggregate}.${tag} cannot be kept${path === "" ? "" : `, at ${path}`}: ${reason}; ` +
        (outcome === "success" ? "make the reply fit its schema" : "give an error that the command declares")
    )

  const writeAnswer: CommandCodec["writeAnswer"] = (tag, outcome, value) => {
    const { error, refusals, success } = command(tag)
    const written = (outcome === "success" ? success.codec : error).write(value)
    if (Either.isLeft(written)) throw refuse(tag, outcome, written.left)
    const { asRead, form, text } = written.right
    if (outcome === "success") return { text, version: success.upcaster.version, value: asRead }
    const member = refusals.find(({ tags }) => tags.at(-1) === tagIn(form))
    return { text, version: member?.upcaster.version ?? 1, value: asRead }
  }

  const readAnswer: CommandCodec["readAnswer"] = (tag, outcome, { text, version }) => {
    const unreadable = ({ path, reason }: Json.Misfit) =>
      new UnreadableAnswer({ aggregate, command: tag, outcome, answerVersion: version, path, reason })
    const { refusals, success } = command(tag)
    const form = TextCodec.parse(text)
    if (Either.isLeft(form)) return Either.left(unreadable(form.left))
    if (outcome === "success") return Either.mapLeft(read(success, form.right, version), unreadable)
    const errorTag = tagIn(form.right)
    const known = refusals.filter(({ tags }) => tags.includes(errorTag))
    // An error of a newer release has the same tag, and a version that this code does not know.
    const members = known.filter(({ tags }) => version > tags.length || tags[version - 1] === errorTag)
    for (const [index, member] of members.entries()) {
      const found = read(member, form.right, version)
      if (Either.isRight(found) || index === members.length - 1) return Either.mapLeft(found, unreadable)
    }
    const reason = `the command has no error ${errorTag ?? "without a tag"} any more; declare it, or one that it became`
    return Either.left(unreadable({ path: "", reason }))
  }

  return {
    tags: [...commands.keys()],
    errorTags: new Set(
      [...commands.values()].flatMap(({ refusals }) => refusals.flatMap(({ tags }) => tags.at(-1) ?? []))
    ),
    nested: [...commands].flatMap(([command, { payload, refusals, success }]) => [
      ...(StoredForm.isNested(payload.history) ? [{ command, part: "payload" as const }] : []),
      ...(StoredForm.isNested(success.history) ? [{ command, part: "success" as const }] : []),
      ...(refusals.some(({ history }) => StoredForm.isNested(history)) ? [{ command, part: "error" as const }] : [])
    ]),
    receive,
    writePayload,
    readPayload,
    writeAnswer,
    readAnswer
  }
}
