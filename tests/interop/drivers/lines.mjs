// A call a line comes in as JSON, and its outcome goes out, until the input ends.
import { createInterface } from "node:readline";

export async function serve(operations) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { operation, arguments: options } = JSON.parse(line);
    let outcome;
    try {
      outcome = { value: (await operations[operation](options)) ?? null };
    } catch (failure) {
      outcome = { error: described(failure) };
    }
    console.log(JSON.stringify(outcome));
  }
}

// Clients differ in where they keep what the server said; some wrap one error in another.
function described(failure) {
  const { name, cause, error, status } = failure;
  const message = [failure.message, cause?.message].filter(Boolean).join(": ");
  return { class: name, message, error: error ?? cause?.error, status: status ?? cause?.status ?? cause?.response?.status };
}
