// The invitation: who, about what, how long it takes, one big button to call and another way.

import { clock } from "../widget/calling";
import { Svg } from "../widget/icons";
import { Late } from "../widget/late";
import type { Rung } from "../widget/own/ladder";
import { inApp } from "../widget/own/place";
import { Frame, type PageProps } from "./page";
import type { TalkTexts } from "./texts/en";

export function Ready(p: PageProps) {
  const { chat, words } = p;
  const t = words.talk;
  const { link, status } = chat;
  return (
    <Frame {...p}>
      <h1>{t.title(link?.name ?? "")}</h1>
      <p class={status?.notice ? "lead notice" : "lead"} role={status?.notice ? "status" : undefined}>
        {status?.notice || t.lead(p.company)}
      </p>
      <Facts {...p} />
      <span class="gap" />
      {p.call?.panel ?? <Invitation {...p} />}
    </Frame>
  );
}

function Invitation(p: PageProps) {
  const { status } = p.chat;
  return (
    <>
      <Trouble {...p} />
      <p class="wait" role="status" data-testid="talk-status">
        {status?.calls && status.staffed && status.open && !p.chat.lost && <i class="dot" />}
        {truth(p)}
      </p>
      <Ways {...p} />
    </>
  );
}

function Facts({ chat, words, language }: PageProps) {
  const t = words.talk;
  const wrote = chat.talk.items.findLast((i) => i.kind === "message" && i.direction === "inbound");
  const talked = chat.talk.items.findLast((i) => i.ended?.outcome === "answered")?.ended;
  const rows: [string, string | undefined][] = [
    [t.about, chat.link?.subject],
    [t.reaches, chat.link?.to],
    [t.wrote, wrote && when(new Date(wrote.time), language)],
    [t.lastCall, talked && clock(talked.talk_ms)],
  ];
  const known = rows.filter(([, value]) => value);
  if (!known.length) return null;
  return (
    <dl class="facts">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Why a call did not come about, or will not here. */
function Trouble({ call, language, chat }: PageProps) {
  const phase = call?.phase;
  const part = () => import("../widget/trouble.late");
  const trouble = phase?.is === "failed" && phase.end.why === "microphone" ? phase.end.trouble : undefined;
  if (trouble || (inApp(navigator.userAgent) && chat.status?.calls)) {
    return (
      <div class="trouble" role="alert" data-testid="talk-trouble">
        <Late part={part} with={{ trouble: trouble ?? "unsupported", language }} />
      </div>
    );
  }
  if (!call || !phase || phase.is === "none") return null;
  return (
    <div class="trouble" role="alert" data-testid="talk-trouble">
      <b>{call.say().join(" ")}</b>
    </div>
  );
}

/** All ways that there are here, the one that works first. After a call that failed: the next one. Keys keep a finger
 * that is down on the button it meant. */
function Ways({ chat, call, words, write }: PageProps) {
  const t = words.talk;
  const s = chat.status;
  const is = call?.phase.is;
  const failed = is === "failed";
  const asking = !s && !chat.lost; // the page stands as it will when the answer is what it mostly is
  const calls = asking || Boolean(s?.calls && s.open) || is === "away";
  const app = inApp(navigator.userAgent);
  const here = asking || (s?.staffed && s.open);
  const voice = isSecureContext && "MediaRecorder" in window && !app;
  const first = failed ? "" : calls && here && !app ? "call" : s && !calls && voice ? "voice" : "write";
  const invitation = app ? t.callAnyway : here ? t.call : t.callLater;
  const ways: [Rung, unknown, string, string, (() => void) | undefined][] = [
    [
      "call",
      calls,
      PHONE,
      is === "away" ? words.call.back : failed ? words.call.again : invitation,
      call && (() => (is === "none" ? call.dial() : call.again())),
    ],
    ["write", true, BUBBLE, s && !here ? t.leave : t.write, write],
    ["voice", voice, MIC, t.voice, call && (() => call.leave("voice"))],
    ["back", asking || chat.company.call_back, BACK, t.back, call && (() => call.leave("back"))],
  ];
  const button = ([id, , icon, text, go]: (typeof ways)[0], look: string) => (
    <button
      key={id}
      type="button"
      class={look}
      data-testid={id}
      disabled={!go || (asking && id !== "write")}
      onClick={go}
    >
      <Svg path={icon} size={22} />
      {text}
    </button>
  );
  return (
    <>
      {failed && <div class="ladder">{call?.ladder()}</div>}
      {ways.map((w) => w[0] === first && button(w, first === "call" ? "big" : "big plain"))}
      {first === "call" && <p class="hint">{t.hint}</p>}
      {calls && !failed && !app && (
        <button type="button" class="try" data-testid="try" disabled={!call} onClick={() => call?.leave("check")}>
          {t.check}
        </button>
      )}
      <div class="tiles">
        {ways.map((w) => w[1] && (failed ? w[0] === "call" : w[0] !== first) && button(w, "alt"))}
      </div>
    </>
  );
}

function truth({ chat, words, language }: PageProps): string {
  const t: TalkTexts = words.talk;
  const { status: s, link } = chat;
  if (chat.lost) return t.lost;
  if (!s) return t.connecting;
  if (!s.calls) {
    const expires = link && new Date(link.expires);
    const over = expires && expires.getTime() < Date.now() + chat.ahead;
    return over ? t.expired(when(expires, language)) : t.noCalls;
  }
  if (!s.open) return t.closed;
  if (!s.staffed) return t.absent;
  if (s.state === "active" && s.agent) return t.talking(s.agent);
  return t.here + (s.estimate_ms >= 0 ? t.soon(s.estimate_ms / 1000) : "");
}

/** The day unless it is today, and the time. */
function when(time: Date, language: string): string {
  const today = time.toDateString() === new Date().toDateString();
  const day = today ? {} : ({ day: "numeric", month: "long" } as const);
  return time.toLocaleString(language, { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

// Icons: Lucide, ISC licence; the telephone is ours.
const PHONE = "M6 3h3l2 5-2.5 2a12 12 0 0 0 5.5 5.5L16 13l5 2v3a3 3 0 0 1-3 3A15 15 0 0 1 3 6a3 3 0 0 1 3-3z";
const BACK = `M16 2v6h6M22 2l-6 6${PHONE}`;
const MIC = "M12 19v3M19 10v2a7 7 0 0 1-14 0v-2M15 5v7a3 3 0 0 1-6 0V5a3 3 0 0 1 6 0z";
export const BUBBLE = "M22 17a2 2 0 0 1-2 2H6.8l-4 3.5a.5.5 0 0 1-.8-.4V5a2 2 0 0 1 2-2h16a2 2 0 0 1 2 2z";
