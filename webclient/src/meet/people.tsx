// Who is in and who waits at the door; agents steer from here.

import { useState } from "preact/hooks";
import type { MeetPeer } from "../shared/protocol";
import { Icon } from "../widget/icons";
import { PanelHead } from "./chat";
import { Mark } from "./icons";
import type { Meeting } from "./meeting";
import type { Texts } from "./texts/en";
import { initials } from "./tile";

export function People({ meeting, t }: { meeting: Meeting; t: Texts }) {
  const { people, lobby } = meeting.room.value;
  return (
    <aside class="panel" aria-label={t.people}>
      <PanelHead title={t.people} t={t} meeting={meeting} />
      <div class="log">
        {lobby.length > 0 && <h3>{t.door}</h3>}
        <ul>
          {lobby.map((g) => (
            <li key={g.id} data-testid="guest">
              <span class="name">{g.name}</span>
              <button
                type="button"
                class="act"
                onClick={() => meeting.do("deny", g.id)}
                aria-label={`${t.deny}: ${g.name}`}
              >
                {t.deny}
              </button>
              <button
                type="button"
                class="act go"
                onClick={() => meeting.do("admit", g.id)}
                aria-label={`${t.admit}: ${g.name}`}
              >
                {t.admit}
              </button>
            </li>
          ))}
        </ul>
        <ul>
          {people.map((p) => (
            <Person key={p.id} person={p} meeting={meeting} t={t} />
          ))}
        </ul>
      </div>
      {meeting.host && <Steer meeting={meeting} t={t} />}
    </aside>
  );
}

function Person({ person: p, meeting, t }: { person: MeetPeer; meeting: Meeting; t: Texts }) {
  const you = p.id === meeting.you.value;
  const steer = meeting.host && !you && !p.host;
  const on = meeting.room.value.recording?.state === "on";
  return (
    <li data-testid="person">
      <span class="mini" aria-hidden="true">
        {initials(p.name)}
      </span>
      <span class="name">
        {p.name}
        <small>{[you && t.you, p.host && t.host, on && !p.recorded && t.rec.not].filter(Boolean).join(", ")}</small>
      </span>
      {!p.audio && !steer && (
        <span class="quiet">
          <Mark name="micOff" size={18} />
          <span class="sr">{t.muted}</span>
        </span>
      )}
      {steer && (
        <>
          <button
            type="button"
            class="act sign"
            disabled={!p.audio}
            title={t.mute(p.name)}
            aria-label={t.mute(p.name)}
            onClick={() => meeting.do("mute", p.id)}
          >
            <Mark name={p.audio ? "mic" : "micOff"} size={18} />
          </button>
          <button
            type="button"
            class="act sign"
            title={t.remove(p.name)}
            aria-label={t.remove(p.name)}
            onClick={() => meeting.do("remove", p.id)}
          >
            <Icon name="x" size={18} />
          </button>
        </>
      )}
    </li>
  );
}

/** What agents can do for all. */
function Steer({ meeting, t }: { meeting: Meeting; t: Texts }) {
  const [sure, setSure] = useState(false);
  const [copied, setCopied] = useState(false);
  const { locked } = meeting.room.value;
  const copy = () => {
    const address = location.origin + location.pathname;
    navigator.clipboard?.writeText(address).then(
      () => setCopied(true),
      () => {}, // the address is in the address bar
    );
  };
  if (sure) {
    return (
      <div class="steer" role="alert">
        <p>{t.endSure}</p>
        <button type="button" class="act" onClick={() => setSure(false)}>
          {t.cancel}
        </button>
        <button type="button" class="act stop" data-testid="meet-end-sure" onClick={() => meeting.do("end")}>
          {t.end}
        </button>
      </div>
    );
  }
  return (
    <div class="steer">
      <button type="button" class="act" data-testid="meet-invite" onClick={copy}>
        <Mark name="link" size={16} />
        {copied ? t.copied : t.invite}
      </button>
      <button type="button" class="act" data-testid="meet-mute-all" onClick={() => meeting.do("mute_all")}>
        <Mark name="micOff" size={16} />
        {t.muteAll}
      </button>
      <button
        type="button"
        class="act"
        aria-pressed={locked}
        data-testid="meet-lock"
        onClick={() => meeting.do(locked ? "unlock" : "lock")}
      >
        {locked ? <Mark name="unlock" size={16} /> : <Icon name="lock" size={16} />}
        {locked ? t.unlock : t.lock}
      </button>
      <button type="button" class="act stop" data-testid="meet-end-all" onClick={() => setSure(true)}>
        {t.end}
      </button>
    </div>
  );
}
