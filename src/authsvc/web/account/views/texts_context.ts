import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { type Texts, textsFor } from "../texts/index.ts";

/** The texts of the page; English ones where nobody has said. */
export const TextsContext = createContext<Texts>(textsFor([]));

/** The texts of the page. */
export function useTexts(): Texts {
  return useContext(TextsContext);
}
