/**
 * `Api` asks the service. It sends no token: the cookie of the session does, which no script reads. An error is a
 * problem with its code and, where the service failed, with the correlation id under which its log has it.
 */
import type { SessionView } from "../../http/SessionApi.ts"

export interface ProblemBody {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail?: string
  readonly correlationId?: string
}

export class Problem extends Error {
  override readonly name = "Problem"
  readonly body: ProblemBody
  constructor(body: ProblemBody) {
    super(body.detail ?? body.title)
    this.body = body
  }
}

/** The service did not answer at all, or not to the end. */
export const unreachable = (): Problem =>
  new Problem({
    status: 0,
    code: "unreachable",
    title: "The service does not answer",
    detail: "It has stopped, or the network between has."
  })

/** What everybody who signs out, or is signed out, must hear of. */
let onSignedOut = (): void => {}
let session: SessionView | undefined

export const begin = (signedOut: () => void): void => {
  onSignedOut = signedOut
}

export const problemOf = (error: unknown): Problem =>
  error instanceof Problem
    ? error
    : new Problem({ status: 0, code: "page", title: "The page failed", detail: String(error) })

const problemIn = async (response: Response): Promise<Problem> => {
  const plain = { status: response.status, code: `status-${response.status}`, title: response.statusText }
  if (response.headers.get("content-type")?.includes("json") !== true) return new Problem(plain)
  const body = (await response.json()) as Partial<ProblemBody>
  return new Problem({ ...plain, ...body })
}

/** The answer, whatever its body is. Where nobody is signed in any more, the page asks for a token again. */
export const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
  let response: Response
  try {
    response = await fetch(path, { cache: "no-cache", credentials: "same-origin", redirect: "error", ...init })
  } catch (error) {
    if (init.signal?.aborted === true) throw error
    throw unreachable()
  }
  if (response.ok) return response
  const problem = await problemIn(response)
  if (response.status === 401 && path !== "/session") onSignedOut()
  throw problem
}

export const get = async <A>(path: string, signal?: AbortSignal): Promise<A> =>
  (await (await ask(path, signal === undefined ? {} : { signal })).json()) as A

const csrf = (): Record<string, string> => (typeof session?.csrf === "string" ? { "daybook-csrf": session.csrf } : {})

export const loadSession = async (): Promise<SessionView> => {
  session = await get<SessionView>("/session")
  return session
}

export const signIn = async (token: string): Promise<SessionView> => {
  const response = await ask("/session", {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token })
  })
  session = (await response.json()) as SessionView
  return session
}

export const signOut = async (): Promise<void> => {
  await ask("/session", { method: "DELETE", headers: csrf() })
  onSignedOut()
}

/** Sends a command of an operator; repeated with the same key, it is done once. */
export const post = async <A>(path: string, body: object, key: string): Promise<A> => {
  const response = await ask(path, {
    method: "POST",
    headers: {
      ...csrf(),
      "idempotency-key": key,
      "content-type": "application/json"
    },
    body: JSON.stringify(body)
  })
  return (await response.json()) as A
}
