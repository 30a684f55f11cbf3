/**
 * `Storable` finds by types alone what JSON cannot hold, so that a contract that says so does not compile: the first
 * line of the compiler's error has the place, what is there and what to do, as the error at run time has. What types do
 * not show, and what is nested deeper than this looks, is found when it is stored.
 */
import type { Rpc } from "@effect/rpc"
import type { Schema } from "effect"

/** Levels below a form that are looked into. A form that contains itself has no end. */
type Levels = readonly [1, 2, 3, 4]

type Fitting = string | number | boolean | null | undefined

/** What is wrong with a value of this type itself; never where nothing is. */
type Wrong<I> = I extends bigint
  ? "bigint is not JSON; give it a codec, such as Schema.BigInt"
  : I extends symbol
    ? "symbol is not JSON; give it a codec, such as Schema.Symbol"
    : I extends Date
      ? "Date is not JSON; give it a codec, such as Schema.Date"
      : I extends ReadonlyMap<unknown, unknown>
        ? "Map is not JSON; give it a codec, such as Schema.Map"
        : I extends ReadonlySet<unknown>
          ? "Set is not JSON; give it a codec, such as Schema.Set"
          : I extends Uint8Array
            ? "Uint8Array is not JSON; give it a codec, such as Schema.Uint8ArrayFromBase64"
            : never

/** All that is wrong in a stored form, each with its place; never where nothing is. */
type Mistakes<I, Place extends string, Left> = unknown extends I
  ? never
  : I extends Fitting
    ? never
    : [Wrong<I>] extends [never]
      ? Left extends readonly [unknown, ...infer Rest]
        ? I extends ReadonlyArray<infer Item>
          ? Mistakes<Item, Place, Rest>
          : { readonly [K in keyof I]-?: Mistakes<I[K], K extends string ? `${Place}.${K}` : Place, Rest> }[keyof I]
        : never
      : `${Place}: ${Wrong<I>}`

/** Nothing where JSON can hold the stored form; otherwise a text type that no value has, which says what is wrong. */
export type Storable<I, Place extends string> = [Mistakes<I, Place, Levels>] extends [never]
  ? unknown
  : Mistakes<I, Place, Levels>

/** An answer that is a stream is refused when the aggregate is made. */
type CommandMistakes<Name extends string, R> =
  R extends Rpc.Rpc<infer Tag, infer Payload, infer Success, infer Failure, infer _Middleware>
    ?
        | Mistakes<Schema.Schema.Encoded<Payload>, `${Name}.${Tag}`, Levels>
        | Mistakes<Schema.Schema.Encoded<Success>, `the success of ${Name}.${Tag}`, Levels>
        | Mistakes<Schema.Schema.Encoded<Failure>, `the error of ${Name}.${Tag}`, Levels>
    : never

/** The commands, where JSON holds their payloads, answers and errors; else a text that says what is wrong. */
export type StorableCommands<Name extends string, R> = [CommandMistakes<Name, R>] extends [never]
  ? ReadonlyArray<R>
  : CommandMistakes<Name, R>
