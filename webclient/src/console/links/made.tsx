import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { moment } from "../thread/format";
import { Icon } from "../thread/icons";
import type { Links, TalkLink } from "./links";
import { Qr } from "./qr";
import type { LinkTexts } from "./texts";

interface Props {
  links: Links;
  link: TalkLink;
  t: LinkTexts;
  /** Puts the address into the reply of the open conversation; null: there is none. */
  insert: ((url: string) => void) | null;
}

/** The link that has just been made. */
export function Made({ links, link, t, insert }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const copied = useSignal(false);
  useEffect(() => field.current?.select(), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link.url);
    } catch {
      field.current?.select(); // pages without TLS have no clipboard
      document.execCommand("copy");
    }
    copied.value = true;
  };
  return (
    <div class="lk-made" data-testid="link-made">
      <div>
        <p>
          <b>{t.made(link.name)}</b> {t.until(moment(link.expires, t.language))}
        </p>
        <input
          ref={field}
          class="lk-url"
          readOnly
          value={link.url}
          aria-label={t.url}
          onFocus={(e) => e.currentTarget.select()}
          data-testid="link-url"
        />
        <div class="lk-act">
          <button type="button" class="sh-main" onClick={() => void copy()} data-testid="link-copy">
            <Icon name={copied.value ? "check" : "copy"} />
            <span aria-live="polite">{copied.value ? t.copied : t.copy}</span>
          </button>
          {insert && (
            <button type="button" class="lk-plain" onClick={() => insert(link.url)} data-testid="link-insert">
              {t.insert}
            </button>
          )}
          <button type="button" class="lk-plain" onClick={() => links.another()}>
            {t.another}
          </button>
        </div>
      </div>
      <Qr text={link.url} label={t.qr} />
    </div>
  );
}
