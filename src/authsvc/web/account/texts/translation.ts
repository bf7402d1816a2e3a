/** What the compiler knows about the texts: keys, names in braces, and that every language has the same. */

import type { en } from "./en.ts";

type English = typeof en;
type Forms = { readonly one: string; readonly other: string };

/** The key of a text. */
export type Key = keyof English;

/** The texts of one language. */
export type Translation = { readonly [K in Key]: English[K] extends string ? string : Forms };

/** The names in braces of a text, in whatever form. */
type Names<E> = E extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Names<Rest>
  : E extends Forms
    ? Names<E["one"]> | Names<E["other"]>
    : never;

/** What has to be put into a text: words, and the number which one with two forms is about. */
type Wanted<E> = E extends Forms ? Names<E> | "count" : Names<E>;

/** What has to be said besides the key of a text. */
export type Rest<K extends Key> = [Wanted<English[K]>] extends [never]
  ? []
  : [{ readonly [N in Wanted<English[K]>]: N extends "count" ? number : string }];

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type Faithful<T> = {
  [K in keyof T]: K extends Key ? (Same<Names<T[K]>, Names<English[K]>> extends true ? T[K] : never) : never;
};

/** The texts of a language, which compile only with the keys and the names in braces of the English ones. */
export function translation<const T extends Translation>(texts: T & Faithful<T>): Translation {
  return texts;
}
