import assert from "node:assert/strict";
import { test } from "node:test";
import type { UserGrant } from "../../../src/authsvc/web/build/proto/zitadel/auth_pb.ts";
import {
  finder,
  firstParts,
  type Group,
  grouped,
  madeAt,
  type Order,
} from "../../../src/authsvc/web/account/grant_list.ts";

interface Few {
  org?: string;
  domain?: string;
  project?: string;
  roles?: string[];
  day?: number;
}

let grants = 0;

// Only what searching and grouping look at; names are their own ids.
function grant({ org = "Acme", domain = "", project = "Boat", roles = [], day = 0 }: Few): UserGrant {
  grants += 1;
  const creationDate = { seconds: BigInt(day * 86_400), nanos: 0 };
  return {
    grantId: String(grants),
    orgId: `${org} ${domain}`,
    orgName: org,
    orgDomain: domain,
    projectId: project,
    projectName: project,
    roleKeys: roles,
    details: { creationDate },
  } as unknown as UserGrant;
}

function outline(groups: readonly Group[]): [string, string[]][] {
  return groups.map(({ name, parts }) => [name, parts.map((part) => part.name)]);
}

const SOME = [
  grant({ org: "Zoo", project: "Boat", day: 1 }),
  grant({ org: "Acme", project: "Boat", day: 2 }),
  grant({ org: "Zoo", project: "Attic", day: 3 }),
  grant({ org: "Émile", project: "Attic", day: 4 }),
];

function names(order: Order): [string, string[]][] {
  return outline(grouped(SOME, order, "en"));
}

test("Organizations come by their names, accents or not, each with its projects by theirs.", () => {
  assert.deepEqual(names("organization"), [
    ["Acme", ["Boat"]],
    ["Émile", ["Attic"]],
    ["Zoo", ["Attic", "Boat"]],
  ]);
});

test("By project, it is the other way round.", () => {
  assert.deepEqual(names("project"), [
    ["Attic", ["Émile", "Zoo"]],
    ["Boat", ["Acme", "Zoo"]],
  ]);
});

test("With the newest first, an organization stands where its newest grant does, and so do its projects.", () => {
  assert.deepEqual(names("newest"), [
    ["Émile", ["Attic"]],
    ["Zoo", ["Attic", "Boat"]],
    ["Acme", ["Boat"]],
  ]);
});

test("With the oldest first, an organization stands where its oldest grant does, and so do its projects.", () => {
  assert.deepEqual(names("oldest"), [
    ["Zoo", ["Boat", "Attic"]],
    ["Acme", ["Boat"]],
    ["Émile", ["Attic"]],
  ]);
});

test("Numbers in names count as numbers.", () => {
  const branches = ["Branch 10", "Branch 9", "Branch 100"].map((org) => grant({ org }));
  assert.deepEqual(outline(grouped(branches, "organization", "en")).flat(2), [
    "Branch 9",
    "Boat",
    "Branch 10",
    "Boat",
    "Branch 100",
    "Boat",
  ]);
});

test("Two organizations of one name stay two, told apart by their domains.", () => {
  const twins = [grant({ domain: "b.example" }), grant({ domain: "a.example" })];
  const found = grouped(twins, "organization", "en").map(({ name, domain }) => [name, domain]);
  assert.deepEqual(found, [
    ["Acme", "a.example"],
    ["Acme", "b.example"],
  ]);
});

test("Two grants of one project in one organization are one part.", () => {
  const pair = [grant({ day: 2 }), grant({ day: 1 })];
  const [part] = grouped(pair, "organization", "en").flatMap(({ parts }) => parts);
  assert.deepEqual(part?.grants.map(madeAt), [86_400_000, 172_800_000]);
});

test("Grouping leaves what it is given as it was.", () => {
  const before = [...SOME];
  grouped(SOME, "newest", "en");
  assert.deepEqual(SOME, before);
});

function search(few: Few, text: string): boolean {
  return finder([grant(few)])(text).length === 1;
}

test("A text is found in the names of organization and project, in the domain and in the roles.", () => {
  const few = {
    org: "Harbour library",
    domain: "library.example",
    project: "Reading room",
    roles: ["librarian", "guest"],
  };
  for (const text of ["harbour", "y.exam", "READING", "guest"]) {
    assert.ok(search(few, text), text);
  }
  assert.ok(!search(few, "observer"));
});

test("All words must be there, wherever.", () => {
  const few = { org: "Harbour library", project: "Reading room", roles: ["guest"] };
  assert.ok(search(few, "  guest   harb room "));
  assert.ok(!search(few, "harbour observer"));
});

test("A word is not found across the end of one name and the beginning of another.", () => {
  assert.ok(!search({ org: "Acme", domain: "", project: "Boat" }, "acmeboat"));
});

test("Neither case nor accents nor ligatures count.", () => {
  assert.ok(search({ org: "Straße" }, "STRASSE"));
  assert.ok(search({ org: "Café Zürich" }, "cafe zurich"));
  assert.ok(search({ org: "Cafe" }, "café"));
  assert.ok(search({ project: "ﬁnance" }, "finance"));
  assert.ok(search({ org: "İstanbul" }, "istanbul"));
});

test("Without a word everything is found, in the order in which it came.", () => {
  assert.deepEqual(finder(SOME)(" "), SOME);
});

test("What is cut off is counted, and a group may be cut in two.", () => {
  const groups = grouped(SOME, "organization", "en");
  const { shown, total } = firstParts(groups, 3);
  assert.deepEqual(
    [outline(shown), total],
    [
      [
        ["Acme", ["Boat"]],
        ["Émile", ["Attic"]],
        ["Zoo", ["Attic"]],
      ],
      4,
    ],
  );
  assert.deepEqual(outline(firstParts(groups, 1).shown), [["Acme", ["Boat"]]]);
});

test("What fits is shown as it is.", () => {
  const groups = grouped(SOME, "project", "en");
  assert.deepEqual(firstParts(groups, 4), { shown: groups, total: 4 });
});

test("A grant of which nobody knows when it was made is as old as can be.", () => {
  assert.equal(madeAt({ ...grant({}), details: undefined } as unknown as UserGrant), 0);
});
