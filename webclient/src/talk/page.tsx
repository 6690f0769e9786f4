// What the page shows: the invitation to call, the call, or why there is none.

import type { ComponentChildren } from "preact";
import type { Quality } from "../shared/call-quality";
import type { CallPart } from "../widget/call.late";
import type { Chat } from "../widget/chat";
import { Icon, Svg } from "../widget/icons";
import { Ready } from "./ready";
import { Screen } from "./screen";
import type { Words } from "./words/words";

export interface PageProps {
  chat: Chat;
  call: CallPart | undefined;
  company: string;
  /** How good the line is; undefined: not known yet. */
  quality: Quality | undefined;
  words: Words;
  language: string;
  /** Changes the language. */
  speak(): void;
  /** Opens the chat. */
  write(): void;
}

const INVITES = ["none", "away", "failed"];

export function Page(p: PageProps) {
  const { chat, call, words } = p;
  const t = words.talk;
  const line = chat.line.state();
  if (line === "refused") return <End {...p} title={t.gone} lead={t.goneLead(p.company)} />;
  if (line === "outdated") return <End {...p} title={t.outdated} lead={t.outdatedLead} />;
  if (call && !call.panel && !INVITES.includes(call.phase.is)) return <Screen {...p} call={call} />;
  return <Ready {...p} />;
}

/** The head of the page, and what is below it. */
export function Frame(p: PageProps & { children: ComponentChildren }) {
  const t = p.words.talk;
  return (
    <main class="ready" data-testid="talk">
      {p.chat.status?.notice && <i class="tape" aria-hidden="true" />}
      <div class="top">
        <b data-testid="company">{p.company}</b>
        <button type="button" class="lang" data-testid="language" lang={t.other.slice(0, 2)} onClick={p.speak}>
          <Svg path={GLOBE} size={16} />
          {t.other}
        </button>
      </div>
      {p.children}
      <p class="foot">
        {location.protocol === "https:" && <Icon name="lock" size={13} />}
        {location.protocol === "https:" ? t.encrypted : t.plain}
      </p>
    </main>
  );
}

function End(p: PageProps & { title: string; lead: string }) {
  return (
    <Frame {...p}>
      <h1>{p.title}</h1>
      <p class="lead" role="status" data-testid="talk-end">
        {p.lead}
      </p>
      <span class="gap" />
      <button type="button" class="big plain" onClick={() => location.reload()}>
        {p.words.talk.reload}
      </button>
    </Frame>
  );
}

const GLOBE = "M2 12a10 10 0 1 0 20 0 10 10 0 1 0-20 0M2 12h20M12 2a15 15 0 0 0 0 20 15 15 0 0 0 0-20";
