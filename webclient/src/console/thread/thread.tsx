import "@preact/signals";
import "./parts.css";
import "./thread.css";
import "./lines.css";
import "./files.css";
import "./composer.css";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Conversation } from "../../shared/protocol";
import { callTexts } from "../call/texts";
import { Trouble } from "../call/trouble";
import type { Desk } from "../desk";
import { isOpen } from "../lists";
import { replyRule } from "../rules";
import { Composer } from "./composer";
import { Composing } from "./composing";
import { useDrop } from "./drop";
import { Empty } from "./empty";
import { Header } from "./header";
import { useNow, useTexts } from "./hooks";
import { Icon } from "./icons";
import { useKeys } from "./keys";
import { Log } from "./log";
import type { Texts } from "./texts";

interface Props {
  desk: Desk;
  /** On phones: back to the list. */
  onBack?: () => void;
  /** Below 1100 px: opens what is known about the contact. */
  onContext?: () => void;
}

/** The middle pane: the open conversation, or why none is. */
export function Thread({ desk, onBack, onContext }: Props) {
  const t = useTexts();
  const now = useNow(desk.store.skew.value);
  const composings = useRef(new Map<string, Composing>()).current;
  const id = desk.selected.value;
  const c = id ? desk.store.conversation(id) : undefined;
  return (
    <section class="th-root" aria-label={t.timeline} data-testid="thread">
      {id === "" && <Empty desk={desk} t={t} now={now} />}
      {id !== "" && !c && <p class="th-quiet">{t.loading}</p>}
      {c && (
        <Open
          key={c.id}
          desk={desk}
          conversation={c}
          composing={composingOf(composings, desk, c.id)}
          t={t}
          now={now}
          onBack={onBack}
          onContext={onContext}
        />
      )}
    </section>
  );
}

interface OpenProps {
  desk: Desk;
  conversation: Conversation;
  composing: Composing;
  t: Texts;
  now: number;
  onBack: (() => void) | undefined;
  onContext: (() => void) | undefined;
}

function Open(props: OpenProps) {
  const { desk, conversation: c, composing, t, now } = props;
  const [transferring, setTransferring] = useState(false);
  const open = isOpen(c);
  useKeys({
    r: () => composing.open("reply"),
    n: () => composing.open("note"),
    ...(open ? { e: () => !c.call && desk.close(c.id), t: () => setTransferring(true) } : {}),
  });
  const asked = desk.writing.value;
  useEffect(() => {
    if (asked?.conversation !== c.id) return;
    desk.writing.value = null;
    composing.open(asked.mode, true);
    if (asked.text) composing.add(asked.text);
  }, [asked, c.id]);
  const may = replyRule(c, desk.store.agent, now).may;
  const drop = useDrop(
    may
      ? (files) => {
          composing.open("reply");
          composing.attach(files);
        }
      : null,
  );
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the button attaches too
    <div class="th-open" onDragOver={drop.onDragOver} onDragLeave={drop.onDragLeave} onDrop={drop.onDrop}>
      <Header
        desk={desk}
        conversation={c}
        t={t}
        now={now}
        transferring={transferring && open}
        setTransferring={setTransferring}
        onBack={props.onBack}
        onContext={props.onContext}
      />
      {c.state !== "offered" && <Trouble phone={desk.phone} conversation={c.id} ct={callTexts(t.language)} />}
      <Log desk={desk} conversation={c} t={t} now={now} />
      <Composer desk={desk} conversation={c} composing={composing} t={t} now={now} />
      {drop.over && (
        <div class="th-drop">
          <Icon name="clip" size={22} />
          {t.dropHere}
        </div>
      )}
    </div>
  );
}

/** What is being written in a conversation; those with nothing but text are kept by their drafts. */
function composingOf(all: Map<string, Composing>, desk: Desk, id: string): Composing {
  let one = all.get(id);
  if (!one) {
    for (const [other, composing] of all) if (composing.idle) all.delete(other);
    one = new Composing(desk, id);
    all.set(id, one);
  }
  return one;
}
