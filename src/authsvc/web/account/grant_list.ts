/** Searching, sorting and grouping of grants. */

import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { UserGrant } from "../build/proto/zitadel/auth_pb.ts";

/** What the groups are, and in which order they come. */
export type Order = "organization" | "project" | "newest" | "oldest";

/** Which grants are to be seen, and how. */
export interface Filter {
  readonly text: string;
  readonly order: Order;
}

/** What grants are grouped by: an organization or a project. A domain tells organizations of one name apart. */
interface Heading {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
}

/** The grants of one project in one organization: one, as a rule. */
interface Part extends Heading {
  readonly grants: readonly UserGrant[];
}

/** An organization with its projects, or a project with its organizations. */
export interface Group extends Heading {
  readonly parts: readonly Part[];
}

type Compare = (one: UserGrant, other: UserGrant) => number;

/** Searches grants, each of them read once: every word of a text must be in a name, a domain or a role. */
export function finder(grants: readonly UserGrant[]): (text: string) => UserGrant[] {
  const all = grants.map((grant) => ({
    grant,
    words: folded([grant.orgName, grant.orgDomain, grant.projectName, ...grant.roleKeys].join("\n")),
  }));
  return (text) => {
    const wanted = folded(text).split(/\s+/).filter(Boolean);
    return all.filter(({ words }) => wanted.every((word) => words.includes(word))).map(({ grant }) => grant);
  };
}

/**
 * Groups of grants by organization, or by project. With an order by time, organizations come in the order of the newest
 * or oldest grant in each.
 */
export function grouped(grants: readonly UserGrant[], order: Order, locale: string): Group[] {
  const sorted = [...grants].sort(comparison(order, locale));
  const [outer, inner] = order === "project" ? [project, organization] : [organization, project];
  return together(sorted, outer).map(([heading, members]) => ({
    ...heading,
    parts: together(members, inner).map(([part, held]) => ({ ...part, grants: held })),
  }));
}

/** The groups with no more than a number of parts in all, and how many parts there are without this limit. */
export function firstParts(groups: readonly Group[], limit: number): { shown: Group[]; total: number } {
  const shown: Group[] = [];
  let total = 0;
  for (const group of groups) {
    const parts = group.parts.slice(0, Math.max(0, limit - total));
    if (parts.length > 0) shown.push({ ...group, parts });
    total += group.parts.length;
  }
  return { shown, total };
}

/** When a grant was made, in milliseconds. */
export function madeAt(grant: UserGrant): number {
  const made = grant.details?.creationDate;
  return made ? timestampMs(made) : 0;
}

/** A text for comparing: without case, accents and ligatures, so that "strasse" finds "Straße". */
function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase();
}

function organization({ orgId, orgName, orgDomain }: UserGrant): Heading {
  return { id: orgId, name: orgName, domain: orgDomain };
}

function project({ projectId, projectName }: UserGrant): Heading {
  return { id: projectId, name: projectName, domain: "" };
}

function comparison(order: Order, locale: string): Compare {
  const { compare } = new Intl.Collator(locale, { numeric: true });
  const byOrganization: Compare = (one, other) =>
    compare(one.orgName, other.orgName) || compare(one.orgDomain, other.orgDomain);
  const byProject: Compare = (one, other) => compare(one.projectName, other.projectName);
  const byAge: Compare = (one, other) => madeAt(one) - madeAt(other) || compare(one.grantId, other.grantId);
  switch (order) {
    case "organization":
      return (one, other) => byOrganization(one, other) || byProject(one, other) || byAge(one, other);
    case "project":
      return (one, other) => byProject(one, other) || byOrganization(one, other) || byAge(one, other);
    case "newest":
      return (one, other) => byAge(other, one);
    case "oldest":
      return byAge;
  }
}

/** What has the same heading, in the order in which each heading is first met. */
function together(grants: readonly UserGrant[], heading: (grant: UserGrant) => Heading): [Heading, UserGrant[]][] {
  const found = new Map<string, [Heading, UserGrant[]]>();
  for (const grant of grants) {
    const head = heading(grant);
    const entry = found.get(head.id);
    if (entry) entry[1].push(grant);
    else found.set(head.id, [head, [grant]]);
  }
  return [...found.values()];
}
