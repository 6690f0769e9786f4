// What the visitor reads, in English. German and English are written separately, not translated word by word: plain,
// no exclamation marks, always what is true and what can be done.

import type { Kind } from "../../shared/protocol";

const en = {
  dialog: (company: string) => (company ? `Chat with ${company}` : "Chat"),
  more: "Settings",
  close: "Close the chat",
  connecting: "Connecting …",
  here: "We are here.",
  estimate: (minutes: number) =>
    minutes > 60
      ? "The wait is more than an hour."
      : `Answer in about ${minutes === 1 ? "1 minute" : `${minutes} minutes`}.`,
  next: "You are next.",
  place: (n: number) => `You are number ${n} in line.`,
  waiting: "Your message is with us.",
  absent: "Nobody is signed in right now.",
  outOfHours: "We are closed right now.",
  answers: (name: string) => `${name} answers you.`,
  over: "This conversation is closed.",
  again: "Write again",
  lost: "No connection. What you write is kept and sent as soon as it is back.",
  refused: "This chat is not set up for this website.",
  outdated: "This page is out of date. Reload it to go on.",
  empty: "Write what it is about. You can move on to other pages of this website; the chat comes along.",
  message: "Your message",
  send: "Send",
  attach: "Attach a file, up to 10 MB",
  tooLarge: (name: string) => `${name} is larger than 10 MB and cannot be sent.`,
  tooMany: (n: number) => `A message carries at most ${n} files.`,
  uploadFailed: "not uploaded",
  notAccepted: "not accepted",
  retry: "Try again",
  remove: (name: string) => `Remove ${name}`,
  unsent: "not sent yet",
  sent: "sent",
  read: "read",
  failed: (kind: Kind | undefined): string =>
    kind === "too_large" ? "Not sent: it is too long." : "Not sent: it was refused.",
  you: "You",
  typing: (name: string) => `${name} is typing`,
  joined: (name: string) => `${name} takes over`,
  closed: "Conversation closed",
  leave: "Leave your message. We answer by e-mail or phone.",
  reach: "Where can we reach you? An e-mail address or a phone number is enough.",
  reached: "Thank you. We have your message and your address, and answer there.",
  name: "Your name",
  email: "E-mail",
  phone: "Phone",
  needAddress: "An e-mail address or a phone number is needed, or we cannot answer.",
  needMessage: "The message is empty.",
  encrypted: "Encrypted, no cookies",
  plain: "No cookies",
  privacy: "Privacy",
  sound: "Sound for new messages",
  keep: "Keep this chat on this device",
  keepHint: "Otherwise it ends with this tab.",
  erase: "Delete the chat from this device",
  call: "Call us, free in the browser",
  callLater: "Call and wait",
  noCall: "That did not work. Try again",
  calling: "Call",
  called: (time: string) => `Call, ${time}`,
  callMissed: "Missed call",
  callDeclined: "Call declined",
  callUnanswered: "Call, not answered",
  unread: (n: number) => (n === 1 ? "1 new message" : `${n} new messages`),
};

export type Texts = typeof en;

export default en;
