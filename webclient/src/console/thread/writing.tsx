import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Reply } from "../../shared/protocol";
import { fillReply } from "../rules";
import type { Composing } from "./composing";
import { filterReplies, insertAt, slashAt } from "./replies";
import { ReplyMenu } from "./replymenu";
import type { Texts } from "./texts";

interface Props {
  composing: Composing;
  t: Texts;
  /** The customer's name, for {{name}}; "" when it is not known. */
  name: string;
  /** How the customer is called here. */
  whom: string;
  language: string;
  replies: readonly Reply[];
  blocked: boolean;
  enterSends: boolean;
  send: () => void;
}

/** The field one writes in, and the saved replies that open at a slash. */
export function Writing({ composing, t, name, whom, language, replies, blocked, enterSends, send }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [slash, setSlash] = useState<{ from: number; query: string } | null>(null);
  const [at, setAt] = useState(0);
  const note = composing.mode.value === "note";
  const text = composing.text;
  const open = slash !== null && !blocked && replies.length > 0;
  const found = open ? filterReplies(replies, slash.query, language) : [];
  const here = Math.min(at, found.length - 1);
  useLayoutEffect(() => grow(field.current), [text, blocked, note]);
  useFocus(composing, field);

  const look = () => {
    const f = field.current;
    const s = f && f.selectionStart === f.selectionEnd ? slashAt(f.value, f.selectionStart) : null;
    if (s?.from !== slash?.from || s?.query !== slash?.query) {
      setSlash(s);
      setAt(0);
    }
  };
  const choose = (r: Reply | undefined) => {
    const f = field.current;
    if (!r || !f || !slash) return;
    const next = insertAt(f.value, slash.from, f.selectionStart, fillReply(r.text, name));
    composing.write(next.text);
    setSlash(null);
    f.value = next.text;
    f.focus();
    f.setSelectionRange(next.caret, next.caret);
  };
  const key = (e: KeyboardEvent) => {
    if (e.isComposing) return;
    if (
      open &&
      menuKey(
        e,
        here,
        found.length,
        setAt,
        () => choose(found[here]),
        () => setSlash(null),
      )
    )
      return;
    if (e.key === "Escape") {
      field.current?.blur();
      return;
    }
    if (e.key !== "Enter" || e.shiftKey || e.altKey) return;
    if (!enterSends && !e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    send();
  };
  return (
    <div class="th-writing">
      {open && <ReplyMenu name={name} replies={found} at={here} t={t} choose={choose} point={setAt} />}
      <textarea
        ref={field}
        rows={1}
        value={text}
        disabled={blocked}
        aria-label={note ? t.writeNote : t.writeTo(whom)}
        placeholder={note ? t.writeNote : t.writeTo(whom)}
        aria-autocomplete={replies.length > 0 ? "list" : undefined}
        aria-controls={open ? "th-replies" : undefined}
        aria-activedescendant={open && found.length > 0 ? `th-reply-${here}` : undefined}
        enterkeyhint={enterSends ? "send" : "enter"}
        data-testid="composer"
        onInput={(e) => {
          composing.write(e.currentTarget.value);
          look();
        }}
        onKeyDown={key}
        onKeyUp={(e) => {
          if (e.key !== "Escape") look();
        }}
        onClick={look}
        onBlur={() => setSlash(null)}
        onPaste={(e) => {
          const files = [...(e.clipboardData?.files ?? [])];
          if (files.length === 0 || note || blocked) return;
          e.preventDefault();
          composing.attach(files);
        }}
      />
    </div>
  );
}

/** Keys of the open menu; false leaves the key to the field. */
function menuKey(
  e: KeyboardEvent,
  at: number,
  n: number,
  move: (at: number) => void,
  choose: () => void,
  shut: () => void,
): boolean {
  if (e.key === "Escape") shut();
  else if (n === 0 || e.ctrlKey || e.metaKey) return false;
  else if (e.key === "ArrowDown") move((at + 1) % n);
  else if (e.key === "ArrowUp") move((at - 1 + n) % n);
  else if ((e.key === "Enter" && !e.shiftKey) || e.key === "Tab") choose();
  else return false;
  e.preventDefault();
  e.stopPropagation();
  return true;
}

/** As high as its text, up to what the style allows. */
function grow(field: HTMLTextAreaElement | null): void {
  if (!field) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

/** Puts the caret at the end of the text whenever the composing asks for it. */
function useFocus(composing: Composing, field: { current: HTMLTextAreaElement | null }): void {
  const asked = composing.focus.value;
  const before = useRef(asked);
  useLayoutEffect(() => {
    const f = field.current;
    if (asked === before.current || !f) return;
    if (f.disabled && composing.waiting) return;
    before.current = asked;
    composing.waiting = false;
    if (f.disabled) return;
    f.focus();
    f.setSelectionRange(f.value.length, f.value.length);
  });
}
