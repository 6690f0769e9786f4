// What customers read of the ways to us, in English: what is being tried, and what comes next.

const en = {
  trying: {
    udp: "Trying the direct path (UDP) …",
    tcp: "UDP does not get through here. Trying TCP …",
    tls: "TCP does not get through either. Trying TLS …",
    deaf: "A call does not get through this network so far. It is still being tried; you need not wait for it.",
  },
  wait: (minutes: number) => (minutes > 1 ? `It takes about ${minutes} minutes.` : "It takes about a minute."),
  comfort: [
    "You need not hold the phone: keep your place, and we call you back.",
    "Thank you for waiting. You have not been forgotten.",
    "Meanwhile you can write what it is about; whoever answers has it in front of them.",
  ],
  next: {
    call: "Call",
    voice: "Leave a voice message",
    write: "Write to us",
    back: "Keep my place, call me back",
  },
};

export default en;
