/** Texts, numbers, dates and names of languages, as the person likes to read them. */

import { de } from "./de.ts";
import { en } from "./en.ts";
import type { Key, Rest, Translation } from "./translation.ts";

const LANGUAGES: ReadonlyMap<string, Translation> = new Map([
  ["en", en],
  ["de", de],
]);

/** The texts of one language. A `locale` is the language with the region whose dates and numbers are liked: "de-CH". */
export class Texts {
  readonly language: string;
  readonly locale: string;
  readonly #texts: Translation;
  readonly #plurals: Intl.PluralRules;

  constructor(locale: string) {
    this.locale = locale;
    this.language = base(locale);
    this.#texts = LANGUAGES.get(this.language) ?? en;
    this.#plurals = new Intl.PluralRules(locale);
  }

  /** A text with its names in braces replaced; of a text that counts, the form for the number. */
  say<K extends Key>(key: K, ...[parameters]: Rest<K>): string {
    const given: Readonly<Record<string, string | number>> = parameters ?? {};
    const entry = this.#texts[key];
    const text = typeof entry === "string" ? entry : this.#form(entry, given.count);
    return text.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = given[name];
      return typeof value === "number" ? this.number(value) : String(value);
    });
  }

  /** A number with its thousands apart. */
  number(value: number): string {
    return new Intl.NumberFormat(this.locale).format(value);
  }

  /** A day: "May 24, 2024". */
  date(milliseconds: number): string {
    return new Intl.DateTimeFormat(this.locale, { dateStyle: "medium" }).format(milliseconds);
  }

  /** A time of day: "7:39 PM". */
  time(milliseconds: number): string {
    return new Intl.DateTimeFormat(this.locale, { timeStyle: "short" }).format(milliseconds);
  }

  /** A day and a time of day. */
  moment(milliseconds: number): string {
    return this.say("dateTime", { date: this.date(milliseconds), time: this.time(milliseconds) });
  }

  /** The name of a language: "Swiss French" for "fr-CH"; undefined for none ("und"), the tag itself for an unknown one. */
  languageName(tag: string): string | undefined {
    if (tag === "" || tag === "und") return undefined;
    try {
      return new Intl.DisplayNames(this.locale, { type: "language" }).of(tag);
    } catch {
      return tag;
    }
  }

  #form(forms: { readonly one: string; readonly other: string }, count: string | number | undefined): string {
    return typeof count === "number" && this.#plurals.select(count) === "one" ? forms.one : forms.other;
  }
}

/** The texts for a browser that likes these languages, the best first; English where there is none of them. */
export function textsFor(liked: readonly string[]): Texts {
  return new Texts(liked.find((tag) => LANGUAGES.has(base(tag)) && isKnown(tag)) ?? "en");
}

function base(tag: string): string {
  return tag.split("-", 1)[0]?.toLowerCase() ?? "";
}

function isKnown(tag: string): boolean {
  try {
    return Intl.DateTimeFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}
