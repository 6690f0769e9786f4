// What customers read of the check before a call, in English.

const en = {
  title: "Check before you call",
  what: {
    browser: "Browser",
    mic: "Microphone",
    tls: "Encrypted connection (TLS)",
    udp: "Sound over UDP",
    tcp: "Sound over TCP",
    "turn-tls": "Sound over TLS",
  },
  result: { open: "…", ok: "works", no: "does not work", none: "not known" },
  sum: {
    open: "One moment, this is being tried.",
    works: "You can call from here.",
    mic: "There is no microphone here that we may use. Writing works.",
    net: "This network lets no call through. A voice message gets through.",
    browser: "This browser cannot call. Writing works.",
  },
  go: { call: "Call now", voice: "Leave a voice message", write: "Write to us" },
  back: "Back",
};

export type CheckTexts = typeof en;

export default en;
