// The invitation: who, about what, how long it takes, one big button to call and another way.

import { clock } from "../widget/calling";
import { Icon, Svg } from "../widget/icons";
import { Late } from "../widget/late";
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
      <Trouble {...p} />
      <p class="wait" role="status" data-testid="talk-status">
        {status?.calls && status.staffed && status.open && !chat.lost && <i class="dot" />}
        {truth(p)}
      </p>
      <Ways {...p} />
    </Frame>
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

/** Call and write, the one that works first. Keys keep a finger that is down on the button it meant. */
function Ways({ chat, call, words, write }: PageProps) {
  const t = words.talk;
  const s = chat.status;
  const is = call?.phase.is;
  const asking = !s && !chat.lost; // the page stands as it will when the answer is what it mostly is
  const calls = asking || Boolean(s?.calls && s.open) || is === "away";
  const app = inApp(navigator.userAgent);
  const first = calls && (asking || s?.staffed) && !app;
  const invitation = app ? t.callAnyway : first ? t.call : t.callLater;
  const word = is === "away" ? words.call.back : is === "failed" ? words.call.again : invitation;
  const dial = () => (is === "none" ? call?.dial() : call?.again());
  const callButton = (
    <button
      key="call"
      type="button"
      class={first ? "big" : "alt"}
      data-testid="call"
      disabled={!call || asking}
      onClick={dial}
    >
      <Icon name="phone" size={22} />
      {word}
    </button>
  );
  const writeButton = (
    <button key="write" type="button" class={first ? "alt" : "big plain"} data-testid="write" onClick={write}>
      <Svg path={BUBBLE} size={22} />
      {s && !(s.staffed && s.open) ? t.leave : t.write}
    </button>
  );
  if (!calls) return writeButton;
  return (
    <>
      {first ? callButton : writeButton}
      {first && <p class="hint">{t.hint}</p>}
      {first ? writeButton : callButton}
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

export const BUBBLE = "M22 17a2 2 0 0 1-2 2H6.8l-4 3.5a.5.5 0 0 1-.8-.4V5a2 2 0 0 1 2-2h16a2 2 0 0 1 2 2z";
