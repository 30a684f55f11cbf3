/**
 * `html` makes elements from a template: `html`<p>${text}</p>``. What is put in is always text or an element, never
 * markup.
 */
import htm from "htm"
import { type ComponentChildren, h, type VNode } from "preact"

export type Children = ComponentChildren
export type Element = VNode

type Make = (type: unknown, props: Record<string, unknown>, ...children: unknown[]) => unknown

/** Its types say that it is CommonJS, where what is bundled is not. */
const { bind } = htm as unknown as { readonly bind: (make: Make) => (...template: unknown[]) => unknown }
const bound = bind.call(htm, h as unknown as Make)

/** Templates that have one root each. A caller with several elements puts them in a list. */
export const html = (strings: TemplateStringsArray, ...values: ReadonlyArray<unknown>): VNode =>
  bound(strings, ...values) as VNode
