// What customers read of the check before a call, in German; written for itself, not translated.

import type { CheckTexts } from "./check-en";

const de: CheckTexts = {
  title: "Vor dem Anruf prüfen",
  what: {
    browser: "Browser",
    mic: "Mikrofon",
    tls: "Verschlüsselte Verbindung (TLS)",
    udp: "Ton über UDP",
    tcp: "Ton über TCP",
    "turn-tls": "Ton über TLS",
  },
  result: { open: "…", ok: "geht", no: "geht nicht", none: "nicht bekannt" },
  sum: {
    open: "Einen Moment, das wird gerade versucht.",
    works: "Von hier aus können Sie anrufen.",
    mic: "Hier gibt es kein Mikrofon, das wir nutzen dürfen. Schreiben geht.",
    net: "Dieses Netz lässt keinen Anruf durch. Eine Sprachnachricht kommt durch.",
    browser: "Dieser Browser kann nicht anrufen. Schreiben geht.",
  },
  go: { call: "Jetzt anrufen", voice: "Sprachnachricht hinterlassen", write: "Uns schreiben" },
  back: "Zurück",
};

export default de;
