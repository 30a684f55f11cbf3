/**
 * Two processes that call each other's functions over the channel of a forked process, by name. A function gives an
 * exit as `encode` makes it, and never rejects. With `serialization: "advanced"`.
 */
import { Cause, Effect, Exit, Option } from "effect"

export const peer = (channel, methods) => {
  const waiting = new Map()
  let next = 0
  channel.on("message", ({ args, id, method, value }) => {
    if (method === undefined) {
      waiting.get(id)?.(value)
      waiting.delete(id)
      return
    }
    methods[method](...args).then((value) => channel.connected && channel.send({ id, value }))
  })
  return (method, ...args) =>
    new Promise((resolve) => {
      const id = ++next
      waiting.set(id, resolve)
      if (channel.connected) channel.send({ id, method, args })
    })
}

/** What an error is made of: its class is known by its tag, and a cause by its text. */
const plain = (error) => ({
  ...error,
  _tag: error?._tag,
  message: error?.message ?? String(error),
  ...(error?.cause !== undefined && { cause: String(error.cause) })
})

export const encode = (exit) => {
  if (Exit.isSuccess(exit)) return { value: exit.value }
  if (Cause.isInterruptedOnly(exit.cause)) return { interrupted: true }
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  return error === undefined ? { defect: String(Cause.squash(exit.cause)) } : { error: plain(error) }
}

/** As an effect. `toError` gives an error its class again. */
export const decode = (answer, toError) => {
  if ("value" in answer) return Effect.succeed(answer.value)
  if ("interrupted" in answer) return Effect.interrupt
  if ("defect" in answer) return Effect.die(new Error(answer.defect))
  return Effect.fail(toError(answer.error))
}

/** Those that a store fails with, by their classes. */
export const storeErrors = (classes) => (error) => {
  const Known = classes[error._tag]
  const { cause, ...fields } = error
  const props = { ...fields, ...(cause !== undefined && { cause: new Error(cause) }) }
  return Known === undefined ? Object.assign(new Error(error.message), props) : new Known(props)
}

/** Limits and their durations, which are not plain values. */
export const encodeLimits = (limits, toMillis) =>
  Object.entries(limits).map(([name, value]) =>
    typeof value === "number" ? { name, value } : { name, millis: toMillis(value) }
  )
export const decodeLimits = (limits, ofMillis) =>
  Object.fromEntries(limits.map(({ millis, name, value }) => [name, value ?? ofMillis(millis)]))
