// The meeting's chat.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../widget/icons";
import type { Meeting } from "./meeting";
import type { Texts } from "./texts/en";

export function Chat({ meeting, t, language }: { meeting: Meeting; t: Texts; language: string }) {
  const [text, setText] = useState("");
  const log = useRef<HTMLDivElement>(null);
  const lines = meeting.chat.value;
  useLayoutEffect(() => log.current?.scrollTo(0, log.current.scrollHeight), [lines.length]);
  const send = (e: Event) => {
    e.preventDefault();
    if (!text.trim() || !meeting.online.value) return;
    meeting.say(text.trim());
    setText("");
  };
  return (
    <aside class="panel" aria-label={t.chat}>
      <PanelHead title={t.chat} t={t} meeting={meeting} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a log that scrolls is reached by keyboard */}
      <div class="log" role="log" aria-label={t.chat} ref={log} tabIndex={0} data-testid="meet-log">
        {lines.length === 0 && <p class="empty">{t.noChat}</p>}
        {lines.map((l) => (
          <p key={l.id} class={l.from === meeting.you.value ? "line mine" : "line"} data-testid="meet-line">
            <small>
              {l.from === meeting.you.value ? t.you : l.name},{" "}
              {new Date(l.time).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })}
            </small>
            {l.text}
          </p>
        ))}
      </div>
      <form class="compose" onSubmit={send}>
        <input
          value={text}
          maxLength={2000}
          placeholder={t.write}
          aria-label={t.write}
          autocomplete="off"
          data-testid="meet-text"
          onInput={(e) => setText(e.currentTarget.value)}
        />
        <button type="submit" aria-label={t.send} title={t.send} data-testid="meet-send" disabled={!text.trim()}>
          <Icon name="up" />
        </button>
      </form>
    </aside>
  );
}

export function PanelHead({ title, t, meeting }: { title: string; t: Texts; meeting: Meeting }) {
  return (
    <div class="panelhead">
      <h2>{title}</h2>
      <button
        type="button"
        aria-label={t.close}
        title={t.close}
        onClick={() => meeting.open("")}
        data-testid="panel-close"
      >
        <Icon name="x" />
      </button>
    </div>
  );
}
