import { useState } from "preact/hooks";

/** The picture of a person, or the initials where there is none, or none that can be had. */
export function Avatar({ url, name }: { url: string; name: string }) {
  const [broken, setBroken] = useState("");
  if (isShown(url) && url !== broken) {
    return <img class="avatar" referrerpolicy="no-referrer" src={url} alt="" onError={() => setBroken(url)} />;
  }
  return (
    <span class="avatar initials" aria-hidden="true">
      {initials(name)}
    </span>
  );
}

/** Whether the policy of the page lets pictures come from there: what it forbids is not even tried. */
function isShown(url: string): boolean {
  return /^(https:|data:image\/)/i.test(url);
}

/** Of the first and the last word of a name. */
function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends
    .map((word) => Array.from(word ?? "")[0] ?? "")
    .join("")
    .toUpperCase();
}
