// What customers read of being called back, in English.

const en = {
  title: "We call you back",
  lead: "You keep your place in line. When it is your turn you get a link: one tap, and you are talking to us.",
  how: "How do we reach you?",
  ways: { sms: "Text message", email: "E-mail", page: "On this page" },
  to: { sms: "Your mobile number, with its country", email: "Your e-mail address" },
  page: "Leave this page open. It rings when it is your turn, also in the background.",
  wrong: {
    sms: "A number with its country is needed, like +44 7700 900123.",
    email: "An address like anna@example.org is needed.",
    page: "",
  },
  asks: {
    sms: (to: string) => `Please call me back: ${to}`,
    email: (to: string) => `Please call me back: ${to}`,
    page: () => "Please call me back on this page",
  },
  send: "Keep my place, call me back",
  asked: {
    sms: "You keep your place. The link comes as a text message; you may close this page.",
    email: "You keep your place. The link comes by e-mail; you may close this page.",
    page: "You keep your place. Leave this page open: it rings when it is your turn.",
  },
  done: "Done",
  back: "Back",
};

export type BackTexts = typeof en;

export default en;
