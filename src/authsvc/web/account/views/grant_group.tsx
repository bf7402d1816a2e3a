import type { UserGrant } from "../../build/proto/zitadel/auth_pb.ts";
import { UserGrantState } from "../../build/proto/zitadel/user_pb.ts";
import { type Group, madeAt } from "../grant_list.ts";
import { DashIcon } from "./icons.tsx";
import { useTexts } from "./texts_context.ts";

/** The grants in one organization or of one project. */
export function GrantGroup({ group }: { group: Group }) {
  return (
    <section class="group">
      <h3>
        {group.name} {group.domain && <span class="quiet">{group.domain}</span>}
      </h3>
      <ul>
        {group.parts.map((part) => (
          <li key={part.id} class="part" tabIndex={-1}>
            <p class="part-name">
              {part.name} {part.domain && <span class="quiet">{part.domain}</span>}
            </p>
            <div class="held">
              {part.grants.map((grant) => (
                <Held key={grant.grantId} grant={grant} />
              ))}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Held({ grant }: { grant: UserGrant }) {
  const texts = useTexts();
  const at = madeAt(grant);
  return (
    <div class="grant">
      {grant.roleKeys.length > 0 ? (
        <ul class="chips" aria-label={texts.say("roles")}>
          {grant.roleKeys.map((role) => (
            <li key={role} class="chip">
              {role}
            </li>
          ))}
        </ul>
      ) : (
        <p class="quiet">{texts.say("noRoles")}</p>
      )}
      {grant.state !== UserGrantState.ACTIVE && (
        <p class="mark">
          <DashIcon />
          {texts.say("notInForce")}
        </p>
      )}
      {at > 0 && (
        <p class="hint">
          <time dateTime={new Date(at).toISOString()}>{texts.say("since", { date: texts.date(at) })}</time>
        </p>
      )}
    </div>
  );
}
