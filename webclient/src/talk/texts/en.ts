// What the page of a link says, in English. Plain, what is true and what can be done.

import type { Quality } from "../../shared/call-quality";

const en = {
  other: "Deutsch",
  title: (name: string) => (name ? `Talk to us, ${name}` : "Talk to us"),
  lead: (company: string) => `Here you reach ${company || "us"} directly, in this browser.`,
  about: "About",
  wrote: "You wrote",
  reaches: "You reach",
  lastCall: "Last call",
  here: "We are here",
  soon: (seconds: number) =>
    seconds < 55
      ? `, about ${Math.max(10, Math.ceil(seconds / 10) * 10)} seconds`
      : seconds > 3600
        ? ", the wait is more than an hour"
        : `, about ${Math.ceil(seconds / 60)} ${seconds > 60 ? "minutes" : "minute"}`,
  absent: "Nobody is signed in right now. Leave a message and we answer.",
  closed: "We are closed right now. Leave a message and we answer.",
  talking: (name: string) => `${name} answers you in writing`,
  connecting: "Connecting …",
  lost: "No connection right now. This page keeps trying by itself; what you write is kept.",
  call: "Call now",
  callLater: "Call and wait",
  callAnyway: "Try a call here",
  hint: "Free and without an app. Your browser will ask for the microphone.",
  write: "Write",
  leave: "Leave a message",
  check: "Check first whether it works",
  voice: "Voice message",
  back: "Call me back",
  noCalls: "Calls cannot be had right now. You can write to us.",
  expired: (day: string) => `This link was for calls until ${day}. You can still write to us.`,
  gone: "This link does not work",
  goneLead: (company: string) =>
    `It has been withdrawn, or its address is not complete. Reply to the message it came with: ${company || "we"} will get back to you.`,
  reload: "Try again",
  outdated: "This page is out of date",
  outdatedLead: "Reload it to go on.",
  encrypted: "Encrypted, no cookies",
  secure: "Encrypted",
  plain: "No cookies",
  quality: { good: "Good line", fair: "Fair line", poor: "Poor line" } satisfies Record<Quality, string>,
  latest: (name: string) => `${name} writes`,
};

export type TalkTexts = typeof en;

export default en;
