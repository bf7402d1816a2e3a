import assert from "node:assert/strict";
import { test } from "node:test";
import { de } from "../../../src/authsvc/web/account/texts/de.ts";
import { en } from "../../../src/authsvc/web/account/texts/en.ts";
import { Texts, textsFor } from "../../../src/authsvc/web/account/texts/index.ts";

const AT = Date.UTC(2026, 2, 9, 19, 5);
const english = new Texts("en-US");
const german = new Texts("de-CH");

// Newer data of ICU have another kind of space before PM.
function plain(text: string): string {
  return text.replace(/\s/gu, " ");
}

test("The first language of the browser that there are texts in is spoken.", () => {
  const spoken = (...liked: string[]) => textsFor(liked).language;
  assert.equal(spoken("fr-CH", "de-CH", "en"), "de");
  assert.equal(spoken("EN-gb", "de"), "en");
  assert.equal(spoken("DE"), "de");
});

test("Whoever likes no language that there are texts in reads English.", () => {
  for (const liked of [[], ["fr"], ["", "*"], ["deu"]]) {
    assert.equal(textsFor(liked).locale, "en");
  }
});

test("A tag that is none does not keep the page from being shown.", () => {
  assert.equal(textsFor(["de-!", "de_DE", "de-AT"]).locale, "de-AT");
});

test("Names in braces are replaced, and what is put in for them stays as it is.", () => {
  assert.equal(english.say("switchTo", { name: "Ada {name} $& Amsel" }), "Switch to Ada {name} $& Amsel");
  assert.equal(german.say("switchTo", { name: "Ada" }), "Zu Ada wechseln");
});

test("One has another form than none or many.", () => {
  const said = (texts: Texts) => [0, 1, 2].map((count) => texts.say("grantCount", { count }));
  assert.deepEqual(said(english), ["0 grants", "1 grant", "2 grants"]);
  assert.deepEqual(said(german), ["0 Berechtigungen", "1 Berechtigung", "2 Berechtigungen"]);
});

test("A text without the number in it has its forms, too.", () => {
  assert.deepEqual(
    [1, 2].map((count) => english.say("loginNames", { count })),
    ["Login name", "Login names"],
  );
});

test("Thousands are set apart as in the person's region.", () => {
  assert.equal(english.say("grantCount", { count: 12345 }), "12,345 grants");
  assert.equal(new Texts("de").say("grantCount", { count: 12345 }), "12.345 Berechtigungen");
  assert.match(german.say("grantCount", { count: 12345 }), /^12[’']345 /);
});

test("Times are written as in the person's region.", () => {
  const zone = process.env.TZ;
  process.env.TZ = "UTC";
  try {
    assert.equal(plain(english.moment(AT)), "Mar 9, 2026 at 7:05 PM");
    assert.equal(plain(new Texts("en-GB").moment(AT)), "9 Mar 2026 at 19:05");
    assert.equal(plain(german.moment(AT)), "09.03.2026 um 19:05");
    assert.equal(plain(german.date(AT)), "09.03.2026");
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});

test("Languages are called by their names, and one without a name by its tag.", () => {
  assert.equal(english.languageName("fr-CH"), "Swiss French");
  assert.equal(german.languageName("en"), "Englisch");
  assert.equal(english.languageName("qaa-x-star"), "qaa-x-star");
  assert.equal(english.languageName("not a tag"), "not a tag");
});

test("Whoever has chosen no language has none.", () => {
  assert.deepEqual([english.languageName("und"), english.languageName("")], [undefined, undefined]);
});

test("Every text is translated, but for words that are the same in both languages.", () => {
  const same = Object.keys(en).filter((key) => {
    const [one, other] = [en, de].map((texts) => JSON.stringify(texts[key as keyof typeof en]));
    return one === other;
  });
  assert.deepEqual(same, []);
});
