import { useMemo, useRef, useState } from "preact/hooks";
import type { UserGrant } from "../../build/proto/zitadel/auth_pb.ts";
import { type Filter, finder, firstParts, grouped } from "../grant_list.ts";
import { Failed } from "./failed.tsx";
import { GrantGroup } from "./grant_group.tsx";
import { GrantTools } from "./grant_tools.tsx";
import { Loading } from "./loading.tsx";
import { Section } from "./section.tsx";
import { useTexts } from "./texts_context.ts";
import type { Loaded } from "./use_load.ts";

const STEP = 100;

/** The grants that could be had, and how many there are. */
interface GrantList {
  readonly grants: readonly UserGrant[];
  readonly total: number;
}

/** What somebody may do. */
export function Grants({ grants }: { grants: Loaded<GrantList> }) {
  const texts = useTexts();
  return (
    <Section title={texts.say("grants")} name="grants" busy={grants.busy}>
      {grants.failure && (
        <Failed failure={grants.failure} about="failedToLoad" busy={grants.busy} again={grants.again} />
      )}
      {!grants.value && grants.busy && <Loading lines={4} />}
      {grants.value && grants.value.grants.length === 0 && <p class="empty">{texts.say("noGrants")}</p>}
      {grants.value && grants.value.grants.length > 0 && <Found list={grants.value} />}
    </Section>
  );
}

function Found({ list }: { list: GrantList }) {
  const texts = useTexts();
  const [filter, setFilter] = useState<Filter>({ text: "", order: "organization" });
  const [limit, setLimit] = useState(STEP);
  const rows = useRef<HTMLDivElement>(null);
  const find = useMemo(() => finder(list.grants), [list]);
  const found = useMemo(() => find(filter.text), [find, filter.text]);
  const groups = useMemo(() => grouped(found, filter.order, texts.locale), [found, filter.order, texts]);
  const { shown, total } = firstParts(groups, limit);
  const showMore = () => {
    setLimit(limit + STEP);
    // The first of those that come has the focus next, whether there are still more or not.
    requestAnimationFrame(() => rows.current?.querySelectorAll<HTMLElement>(".part")[limit]?.focus());
  };
  return (
    <>
      <GrantTools
        filter={filter}
        change={(changed) => {
          setFilter(changed);
          setLimit(STEP);
        }}
      />
      <p class="quiet" aria-live="polite">
        {filter.text.trim()
          ? texts.say("grantsFound", { found: texts.number(found.length), count: list.total })
          : texts.say("grantCount", { count: list.total })}
      </p>
      {list.total > list.grants.length && (
        <p class="hint">
          {texts.say("grantsCut", { total: texts.number(list.total), loaded: texts.number(list.grants.length) })}
        </p>
      )}
      {found.length === 0 && <p class="empty">{texts.say("noMatch", { text: filter.text.trim() })}</p>}
      <div class="groups" ref={rows}>
        {shown.map((group) => (
          <GrantGroup key={group.id} group={group} />
        ))}
      </div>
      {total > limit && (
        <button type="button" class="second" onClick={showMore}>
          {texts.say("showMore")}
        </button>
      )}
    </>
  );
}
