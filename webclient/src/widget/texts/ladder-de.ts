// What customers read of the ways to us, in German; written for itself, not translated.

import type en from "./ladder-en";

const de: typeof en = {
  trying: {
    udp: "Der direkte Weg (UDP) wird versucht …",
    tcp: "UDP kommt hier nicht durch. TCP wird versucht …",
    tls: "Auch TCP kommt nicht durch. TLS wird versucht …",
    deaf: "Durch dieses Netz kommt bisher kein Anruf. Es wird weiter versucht; darauf warten müssen Sie nicht.",
  },
  wait: (minutes) => (minutes > 1 ? `Es dauert etwa ${minutes} Minuten.` : "Es dauert etwa eine Minute."),
  comfort: [
    "Sie müssen nicht in der Leitung bleiben: Ihr Platz bleibt, und wir rufen zurück.",
    "Danke für Ihre Geduld. Sie sind nicht vergessen.",
    "Schreiben Sie inzwischen, worum es geht; wer abnimmt, hat es vor sich.",
  ],
  next: {
    call: "Anrufen",
    voice: "Sprachnachricht hinterlassen",
    write: "Uns schreiben",
    back: "Platz behalten, zurückrufen lassen",
  },
};

export default de;
