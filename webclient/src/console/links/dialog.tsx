import "./links.css";
import { useEffect, useRef } from "preact/hooks";
import type { Desk } from "../desk";
import type { Language } from "../settings";
import { Icon } from "../thread/icons";
import { LinkFields } from "./form";
import { type LinkStart, Links } from "./links";
import { Made } from "./made";
import { Recent } from "./recent";
import { linkTexts } from "./texts";

interface Props {
  desk: Desk;
  language: Language;
  start: LinkStart;
  close: () => void;
}

/** Makes a talk link, and shows those that are good now. */
export function LinkDialog({ desk, language, start, close }: Props) {
  const t = linkTexts(language);
  const dialog = useRef<HTMLDialogElement>(null);
  const held = useRef<Links | null>(null);
  held.current ??= new Links(desk.api);
  const links = held.current;
  useEffect(() => {
    dialog.current?.showModal();
    void links.load();
  }, []);
  const made = links.made.value;
  const { conversation } = start;
  const insert = conversation
    ? (url: string) => {
        desk.write({ conversation, mode: "reply", text: url });
        dialog.current?.close();
      }
    : null;
  return (
    <dialog ref={dialog} class="lk-dialog" aria-labelledby="lk-title" onClose={close} data-testid="link-dialog">
      <header class="lk-head">
        <h2 id="lk-title">{t.title}</h2>
        <button type="button" class="th-ib" aria-label={t.close} onClick={() => dialog.current?.close()}>
          <Icon name="close" size={18} />
        </button>
      </header>
      {made ? (
        <Made links={links} link={made} t={t} insert={insert} />
      ) : (
        <LinkFields desk={desk} links={links} start={start} t={t} />
      )}
      <Recent desk={desk} links={links} t={t} />
    </dialog>
  );
}
