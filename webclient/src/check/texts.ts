// What the page of a check says.

import type { Way } from "../shared/ways";

export interface CheckTexts {
  lang: string;
  title: string;
  lead: string;
  start: string;
  running: string;
  done: string;
  doneSome: string;
  used: string;
  over: string;
  away: string;
  works: (ms: number) => string;
  blocked: string;
  waits: string;
  tries: string;
  ways: Record<Way, string>;
}

const en: CheckTexts = {
  lang: "en",
  title: "Connection check",
  lead: "This page tries every way by which a call can reach the gateway, from this device and its network. Switch Wi-Fi off to test the mobile network. It takes half a minute and needs no microphone.",
  start: "Start the check",
  running: "Checking …",
  done: "Every way works. You can close this page.",
  doneSome: "Done. The result is on the screen of whoever sent you this link. You can close this page.",
  used: "This link has been used already. Ask for a new one.",
  over: "This check is over. Ask for a new link.",
  away: "The gateway cannot be reached.",
  works: (ms) => `works, ${ms} ms`,
  blocked: "does not get through",
  waits: "waits",
  tries: "is being tried",
  ways: {
    udp: "Directly, UDP",
    tcp: "Directly, TCP",
    "turn-udp": "By the relay, UDP",
    "turn-tcp": "By the relay, TCP",
    "turn-tls": "By the relay, TLS",
  },
};

const de: CheckTexts = {
  lang: "de",
  title: "Verbindung prüfen",
  lead: "Diese Seite probiert alle Wege, auf denen ein Anruf das Gateway erreichen kann – von diesem Gerät und aus seinem Netz. Schalten Sie WLAN aus, um das Mobilfunknetz zu prüfen. Es dauert eine halbe Minute und braucht kein Mikrofon.",
  start: "Prüfung starten",
  running: "Wird geprüft …",
  done: "Alle Wege funktionieren. Sie können die Seite schließen.",
  doneSome:
    "Fertig. Das Ergebnis steht bei der Person, die Ihnen den Link geschickt hat. Sie können die Seite schließen.",
  used: "Dieser Link wurde schon benutzt. Lassen Sie sich einen neuen geben.",
  over: "Diese Prüfung ist vorbei. Lassen Sie sich einen neuen Link geben.",
  away: "Das Gateway ist nicht erreichbar.",
  works: (ms) => `geht, ${ms} ms`,
  blocked: "kommt nicht durch",
  waits: "wartet",
  tries: "wird probiert",
  ways: {
    udp: "Direkt, UDP",
    tcp: "Direkt, TCP",
    "turn-udp": "Über das Relais, UDP",
    "turn-tcp": "Über das Relais, TCP",
    "turn-tls": "Über das Relais, TLS",
  },
};

/** The first language of the browser that we speak. */
export function texts(languages: readonly string[]): CheckTexts {
  for (const l of languages) {
    if (l.toLowerCase().startsWith("de")) return de;
    if (l.toLowerCase().startsWith("en")) return en;
  }
  return en;
}
