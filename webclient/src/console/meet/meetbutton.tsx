import "./meet.css";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Conversation } from "../../shared/protocol";
import type { Desk } from "../desk";
import { Icon } from "../thread/icons";
import { useOutside } from "../thread/outside";
import type { Texts } from "../thread/texts";
import { type MeetTexts, meetTexts } from "./texts";

interface Props {
  desk: Desk;
  conversation: Conversation;
  t: Texts;
}

/** Meets the customer by video: opens the meeting, and sends them its link. */
export function MeetButton({ desk, conversation: c, t }: Props) {
  const mt = meetTexts(t.language);
  const [open, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => setOpen(false), [c.id]);
  if (!desk.store.meetings.value || c.state === "offered") return null;
  const on = c.meeting !== null;
  return (
    <div class="th-anchor">
      <button
        ref={opener}
        type="button"
        class={on ? "th-btn mt-on" : "th-btn th-btn-slim"}
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-label={on ? mt.join : mt.video}
        title={on ? mt.join : mt.hint}
        onClick={() => setOpen(!open)}
        data-testid="meet-button"
        data-on={on}
      >
        <Icon name="video" />
        <span>{on ? mt.join : mt.video}</span>
      </button>
      {open && (
        <Invitation
          desk={desk}
          conversation={c}
          mt={mt}
          close={(back) => {
            setOpen(false);
            if (back) opener.current?.focus();
          }}
        />
      )}
    </div>
  );
}

interface InvitationProps {
  desk: Desk;
  conversation: Conversation;
  mt: MeetTexts;
  close(back: boolean): void;
}

/** The meeting's link and what can be done with it. Fetching it opens the meeting. */
function Invitation({ desk, conversation: c, mt, close }: InvitationProps) {
  const [url, setUrl] = useState("");
  const [copied, setCopied] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useOutside(box, () => close(false));
  useEffect(() => {
    let there = true;
    desk.invite(c.id).then(
      (link) => there && setUrl(link),
      () => there && close(true),
    );
    return () => {
      there = false;
    };
  }, []);
  useEffect(() => box.current?.querySelector<HTMLElement>("a, button")?.focus(), [url]);
  const write = c.channel !== "click2meet" && !c.not_ours && !c.opted_out;
  const send = () => {
    desk.send(c.id, "message", mt.invitation(url), []);
    close(false);
  };
  const copy = () => {
    navigator.clipboard?.writeText(url).then(
      () => setCopied(true),
      () => {}, // it stands there to be copied by hand
    );
  };
  return (
    <div
      ref={box}
      class="th-menu mt-menu"
      role="dialog"
      aria-label={mt.title}
      onKeyDown={(e) => {
        if (e.key !== "Escape") return;
        e.stopPropagation();
        close(true);
      }}
      data-testid="meet-menu"
    >
      <h3>{mt.title}</h3>
      {!url && <p role="status">{mt.preparing}</p>}
      {url && (
        <>
          {write && <p>{mt.lead}</p>}
          <output class="mt-url" data-testid="meet-url">
            {url}
          </output>
          {write && (
            <a
              class="th-btn th-btn-main"
              href={`${url}#host`}
              target="_blank"
              rel="noreferrer"
              onClick={send}
              data-testid="meet-send"
            >
              <Icon name="video" />
              <span>{mt.sendAndOpen}</span>
            </a>
          )}
          <a
            class={write ? "th-btn" : "th-btn th-btn-main"}
            href={`${url}#host`}
            target="_blank"
            rel="noreferrer"
            onClick={() => close(false)}
            data-testid="meet-open"
          >
            <Icon name="open" />
            <span>{write ? mt.openOnly : mt.join}</span>
          </a>
          <button type="button" class="th-btn" onClick={copy} data-testid="meet-copy">
            <Icon name="copy" />
            <span>{copied ? mt.copied : mt.copy}</span>
          </button>
        </>
      )}
    </div>
  );
}
