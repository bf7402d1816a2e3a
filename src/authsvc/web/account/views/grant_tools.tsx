import { useId } from "preact/hooks";
import type { Filter, Order } from "../grant_list.ts";
import { SearchIcon } from "./icons.tsx";
import { useTexts } from "./texts_context.ts";

const ORDERS: readonly Order[] = ["organization", "project", "newest", "oldest"];

/** What is searched for, and how it is sorted. */
export function GrantTools({ filter, change }: { filter: Filter; change: (filter: Filter) => void }) {
  const texts = useTexts();
  const id = useId();
  return (
    <search class="tools">
      <div class="field">
        <label for={`${id}-text`}>{texts.say("searchGrants")}</label>
        <span class="search">
          <SearchIcon />
          <input
            id={`${id}-text`}
            type="search"
            autocomplete="off"
            spellcheck={false}
            value={filter.text}
            onInput={(event) => change({ ...filter, text: event.currentTarget.value })}
          />
        </span>
      </div>
      <div class="field">
        <label for={`${id}-order`}>{texts.say("sortBy")}</label>
        <select
          id={`${id}-order`}
          value={filter.order}
          onChange={(event) => change({ ...filter, order: event.currentTarget.value as Order })}
        >
          {ORDERS.map((order) => (
            <option key={order} value={order}>
              {texts.say(order)}
            </option>
          ))}
        </select>
      </div>
    </search>
  );
}
