// What pages of other origins try with the browser of somebody who is signed in.
import { profile, signIn } from "../../drivers/people.mjs";

const SIGN_OUT = "button[aria-label^='Sign out ']";

// In the page of the attacker.
function submit([action, fields]) {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action });
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

function send([action, fields]) {
  const body = new URLSearchParams(fields);
  const init = { method: "POST", body, credentials: "include" };
  const failed = (error) => error.name;
  const cors = fetch(action, init).then((response) => response.status, failed);
  const opaque = fetch(action, { ...init, mode: "no-cors" }).then((response) => response.type, failed);
  return Promise.all([cors, opaque]);
}

// The form behind a button, with its secret, which no attacker has: so only its origin can tell.
async function form(page, button) {
  return page.locator(button).evaluate((pressed) => {
    const { action } = pressed.form;
    return [action, Object.fromEntries(new FormData(pressed.form, pressed))];
  });
}

// The status with which a form is answered that a page sends.
async function submitted(page, target) {
  const answered = page.waitForResponse((response) => response.request().method() === "POST");
  await page.evaluate(submit, target);
  return (await answered).status();
}

export const attacks = {
  // Somebody puts a cookie of their own into the browser of another, who then signs in.
  async plantedCookie(browser, { site, person, planted }) {
    const cookie = { name: "agent", value: planted, url: site };
    const { context, page } = await profile(browser);
    await context.addCookies([cookie]);
    await page.goto(`${site}/login`);
    await signIn(page, person);
    await page.getByRole("button", { name: `Sign out ${person.name}` }).waitFor();
    const kept = (await context.cookies()).filter(({ name }) => name === "agent").map(({ value }) => value);
    await context.close();
    const attacker = await profile(browser);
    await attacker.context.addCookies([cookie]);
    await attacker.page.goto(`${site}/login`);
    const seen = await attacker.page.innerText("main");
    await attacker.context.close();
    return { kept, seen };
  },

  // `origins` are pages of others, `consent` asks the person for something.
  async fromElsewhere(browser, { site, origins, consent, person }) {
    const { context, page, noted } = await profile(browser);
    await page.goto(`${site}/login`);
    const login = await form(page, "button:has-text('Sign in')");
    await signIn(page, person);
    await page.getByRole("button", { name: `Sign out ${person.name}` }).waitFor();
    const signOut = await form(page, SIGN_OUT);
    await page.goto(consent);
    const targets = { login, signOut, consent: await form(page, "button[value=allow]") };
    Object.assign(targets.login[1], { login_name: person.login, password: person.password });

    const outcomes = {};
    for (const [from, origin] of Object.entries(origins)) {
      for (const [name, [action, fields]] of Object.entries(targets)) {
        const attacker = await context.newPage();
        await attacker.goto(origin);
        noted.responses.length = 0;
        const read = await attacker.evaluate(send, [action, fields]);
        const shown = await submitted(attacker, [action, fields]);
        await attacker.close();
        const statuses = noted.responses.filter((each) => each.url() === action).map((each) => each.status());
        outcomes[`${name} from ${from}`] = { read, shown, statuses };
      }
    }
    await page.goto(`${site}/login`);
    const home = await page.innerText("main");

    const framing = await context.newPage();
    await framing.goto(origins.neighbour);
    await framing.setContent(`<iframe src="${site}/login"></iframe>`);
    const framed = await Promise.all(framing.frames().slice(1).map((frame) => frame.locator("form").count()));
    // What was refused was right in all but where it came from; the form that was open all the while still is.
    const opened = await context.newPage();
    await opened.goto(consent);
    const held = await submitted(opened, targets.consent);
    await page.goto(`${site}/login`);
    const own = await submitted(page, await form(page, SIGN_OUT));
    await context.close();
    return { outcomes, home, framed, held, own };
  },
};
